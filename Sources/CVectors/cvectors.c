#include "cvectors.h"

#include <stddef.h>

// #embed is of C23; this compiler takes it in older modes too and says so.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t handshake[] = {
#embed "../../Vectors/handshake.json"
};
static const uint8_t ratchet[] = {
#embed "../../Vectors/ratchet.json"
};
static const uint8_t envelope[] = {
#embed "../../Vectors/envelope.json"
};
static const uint8_t ephemeral[] = {
#embed "../../Vectors/ephemeral.json"
};
static const uint8_t safety_number[] = {
#embed "../../Vectors/safety-number.json"
};
static const uint8_t directory[] = {
#embed "../../Vectors/directory.json"
};
static const uint8_t invite[] = {
#embed "../../Vectors/invite.json"
};
static const uint8_t mailbox[] = {
#embed "../../Vectors/mailbox.json"
};
static const uint8_t wire[] = {
#embed "../../Vectors/wire.json"
};
static const uint8_t channel[] = {
#embed "../../Vectors/channel.json"
};
static const uint8_t attachment[] = {
#embed "../../Vectors/attachment.json"
};
static const uint8_t backup[] = {
#embed "../../Vectors/backup.json"
};

// In the order of OwnSuite.all.
static const struct {
    const uint8_t *bytes;
    int64_t size;
} files[] = {
    {handshake, sizeof handshake}, {ratchet, sizeof ratchet},
    {envelope, sizeof envelope},   {ephemeral, sizeof ephemeral},
    {safety_number, sizeof safety_number}, {directory, sizeof directory},
    {invite, sizeof invite},       {mailbox, sizeof mailbox},
    {wire, sizeof wire},           {channel, sizeof channel},
    {attachment, sizeof attachment}, {backup, sizeof backup},
};

static const int32_t file_count = sizeof files / sizeof files[0];

int64_t postern_vectors_size(int32_t file) {
    return file >= 0 && file < file_count ? files[file].size : 0;
}

uint8_t postern_vectors_byte(int32_t file, int64_t offset) {
    if (offset < 0 || offset >= postern_vectors_size(file)) return 0;
    return files[file].bytes[offset];
}
