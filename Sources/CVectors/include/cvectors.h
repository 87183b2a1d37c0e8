// The files of the folder Vectors as they were when this was built, for programs that stand alone.
#ifndef POSTERN_CVECTORS_H
#define POSTERN_CVECTORS_H

#include <stdint.h>

// Bytes of a file, by its place in the list of cvectors.c; 0 when there is no such file.
int64_t postern_vectors_size(int32_t file);

// One byte of a file, 0 outside of it. A byte at a time, so that no pointer leaves this target.
uint8_t postern_vectors_byte(int32_t file, int64_t offset);

#endif
