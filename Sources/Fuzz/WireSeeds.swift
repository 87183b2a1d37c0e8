import Primitives
import Wire

/// Good encodings of everything that `WireTargets` parses.
enum WireSeeds {
    /// One message for each frame of a client.
    @Sendable static func clientFrames() -> [[UInt8]] {
        let cast = Cast.alice
        let keys = [cast.read.publicKey, cast.write.publicKey]
        let id = MailboxKind.chat.mailboxID(keys: keys) ?? .zero
        let signature = cast.read.sign(RawSpan())
        let request: UInt32 = 9
        let requests: [ClientRequest] = [
            .create(CreateFrame(request: request, kind: .chat, keys: keys)),
            .create(CreateFrame(request: request, kind: .contact, keys: [keys[0]])),
            .attach(AttachFrame(request: request, role: .read, id: id, signature: signature)),
            .detach(DetachFrame(request: request, role: .write, mailbox: id)),
            .acknowledge(AcknowledgeFrame(request: request, mailbox: id, sequences: 1...7)),
            .settings(SettingsFrame(request: request, mailbox: id, timeToLive: .week)),
            .close(MailboxFrame(request: request, mailbox: id)),
            .getBlob(GetBlobFrame(request: request, id: id)),
            .eraseBlob(EraseBlobFrame(request: request, idHash: id, eraseKey: id)),
            .lookUp(LookUpFrame(request: request, handle: cast.handle)),
            .fetchPreKeys(FetchPreKeysFrame(request: request, handle: cast.handle, deviceID: 7)),
            .preKeyStatus(
                PreKeyStatusFrame(
                    request: request, handle: cast.handle, deviceID: 7, signature: signature)),
            .releaseHandle(
                ReleaseHandleFrame(
                    request: request, handle: cast.handle, recordNumber: 3, signature: signature)),
        ]
        var messages = requests.map { request in
            var writer = Writer()
            request.encode(into: &writer)
            return writer.bytes
        }
        let envelope = [UInt8](repeating: 6, count: 1_024)
        messages.append(
            written {
                DepositFrame.encode(
                    request: request, mailbox: id, counter: 1, envelope: envelope.raw, into: &$0)
                EphemeralFrame.encode(mailbox: id, frame: envelope.raw, into: &$0)
            })
        messages.append(
            written {
                ContactDepositFrame.encode(
                    request: request, mailbox: id, envelope: envelope.sized(4_096).raw, into: &$0)
            })
        messages.append(
            written {
                PutBlobFrame.encode(
                    request: request, idHash: id, eraseHash: id,
                    expiry: Cast.hours.advanced(byHours: 48), blob: [1, 2, 3].raw, into: &$0)
            })
        messages.append(
            written { PublishRecordFrame.encode(request: request, record: cast.record, into: &$0) })
        messages.append(
            written {
                PublishBundleFrame.encode(
                    request: request, handle: cast.handle, bundle: cast.bundle,
                    preKeys: cast.oneTimeKeys, kemPreKeys: cast.oneTimeKEMKeys, into: &$0)
            })
        // A type of a later version between two known ones.
        messages.append(messages[6] + [0x7f, 0, 4, 0, 0, 0, 1] + messages[6])
        return messages
    }

    /// Frames for the key directory, each alone, of somebody with keys to sign them again and of
    /// somebody without.
    static let directoryFrames: [[UInt8]] = [Cast.alice, Cast.carol].flatMap { cast in
        [
            written { PublishRecordFrame.encode(request: 9, record: cast.record, into: &$0) },
            written {
                PublishBundleFrame.encode(
                    request: 9, handle: cast.handle, bundle: cast.bundle,
                    preKeys: cast.oneTimeKeys, kemPreKeys: cast.oneTimeKEMKeys, into: &$0)
            },
            written { writer in
                let message = DirectorySignatures.handleRelease(
                    handle: cast.handle, recordNumber: 2, handshakeHash: .zero)
                let frame = ReleaseHandleFrame(
                    request: 9, handle: cast.handle, recordNumber: 2,
                    signature: cast.account.sign(message.raw))
                ClientRequest.releaseHandle(frame).encode(into: &writer)
            },
        ]
    }

    /// Frames that only ask the key directory.
    static let directoryQuestions: [[UInt8]] = {
        let cast = Cast.alice
        let requests: [ClientRequest] = [
            .lookUp(LookUpFrame(request: 9, handle: cast.handle)),
            .fetchPreKeys(FetchPreKeysFrame(request: 9, handle: cast.handle, deviceID: 0)),
            .preKeyStatus(
                PreKeyStatusFrame(
                    request: 9, handle: cast.handle, deviceID: 7,
                    signature: cast.device.sign(
                        DirectorySignatures.preKeyStatus(
                            handle: cast.handle, deviceID: 7, handshakeHash: .zero
                        ).raw))),
        ]
        return requests.map { request in written { request.encode(into: &$0) } }
    }()

    /// One message for each frame of a server.
    @Sendable static func serverFrames() -> [[UInt8]] {
        let cast = Cast.alice
        let id = SHA256.hash([2].raw)
        let answers: [ServerAnswer] = [
            .done(request: 1),
            .error(ErrorFrame(request: 1, code: .counterGap, nextCounter: 5)),
            .error(ErrorFrame(request: 1, code: .rateLimited, seconds: 60)),
            .attached(AttachedFrame(request: 1, readAttaches: 2, nextCounter: 3, waiting: 4)),
            .superseded(mailbox: id), .goingAway(seconds: 9),
            .preKeyStatus(
                PreKeyStatusAnswerFrame(
                    request: 1, recordNumber: 3, bundleNumber: 2, bundleExpiry: Cast.hours,
                    published: 20, left: 3, publishedKEM: 20, leftKEM: 4)),
            .hello(
                HelloFrame(
                    signingKey: cast.device.publicKey, minutes: UInt32(Cast.now / 60),
                    features: [1, 2])),
        ]
        var messages = answers.map { answer in written { answer.encode(into: &$0) } }
        let envelope = [UInt8](repeating: 6, count: 1_024)
        var issued = Writer()
        IssuedPreKey.encode(cast.issued, into: &issued)
        var issuedKEM = Writer()
        IssuedKEMPreKey.encode(cast.issuedKEM, into: &issuedKEM)
        messages += [
            written { BlobFrame.encode(request: 1, blob: envelope.raw, into: &$0) },
            written {
                DeliveryFrame.encode(mailbox: id, sequence: 8, envelope: envelope.raw, into: &$0)
                EphemeralDeliveryFrame.encode(mailbox: id, frame: envelope.raw, into: &$0)
            },
            written { RecordFrame.encode(request: 1, record: cast.record.bytes, into: &$0) },
            written { RecordFrame.encode(request: 1, record: [], into: &$0) },
            written {
                PreKeysFrame.encode(
                    request: 1, issued: issued.bytes, issuedKEM: issuedKEM.bytes,
                    bundle: cast.bundle.bytes, into: &$0)
            },
            written {
                PreKeysFrame.encode(request: 1, issued: [], issuedKEM: [], bundle: [], into: &$0)
            },
        ]
        return messages
    }

    static func written(_ body: (inout Writer) -> Void) -> [UInt8] {
        var writer = Writer()
        body(&writer)
        return writer.bytes
    }

    @Sendable static func addresses() -> [[UInt8]] {
        let cast = Cast.alice
        let key = Base32.encode(cast.server.key.bytes.raw)
        let texts = [
            Address.server(cast.server).text, Address.person(cast.server, cast.handle).text,
            Address.invite(cast.server, LinkKey(.zero)).text,
            Address.admission(cast.server, token: [1, 2, 3]).text,
            "postern://\(key)@[2001:db8::1]:9/d#abc", "postern://\(key)@127.0.0.1",
            "[::ffff:c000:201]", "1.2.3.4", "a-b.example", "alice.b_c",
        ]
        let field = written { ServerAddress.encode(cast.server, into: &$0) }
        return texts.map { Array($0.utf8) } + [field]
    }

    @Sendable static func records() -> [[UInt8]] {
        let cast = Cast.alice
        var contents = cast.recordContents
        contents.number = 4
        contents.movedTo = Record.Person(server: cast.server, handle: cast.handle)
        contents.extensions = TaggedFields([
            TaggedFields.Field(tag: 1, value: [1, 2, 3]),
            TaggedFields.Field(tag: 0x8001, value: []),
        ])
        let recovered = Record(contents, signedBy: cast.account, recoveredBy: cast.recovery)
        contents.handle = nil
        contents.certificates.append(
            DeviceCertificate(
                identity: DeviceIdentity(
                    deviceID: 8, identityKey: cast.identity.publicKey,
                    deviceKey: cast.device.publicKey),
                expiry: Cast.hours, signedBy: cast.account))
        let two = Record(contents, signedBy: cast.account)
        return [[0] + cast.record.bytes] + [cast.record, recovered, two].map { [1] + $0.bytes }
    }

    @Sendable static func bundles() -> [[UInt8]] {
        var contents = Cast.alice.bundleContents
        contents.extensions = TaggedFields([TaggedFields.Field(tag: 3, value: [9])])
        contents.oneTimeCount = 0
        contents.oneTimeRoot = .zero
        contents.oneTimeKEMCount = 0
        contents.oneTimeKEMRoot = .zero
        let other = PreKeyBundle(contents, signedBy: Cast.alice.device)
        return [
            [0] + Cast.alice.bundle.bytes, [1] + Cast.alice.bundle.bytes, [1] + other.bytes,
        ]
    }

    @Sendable static func invites() -> [[UInt8]] {
        [[1] + Cast.alice.invite.encoded, [0] + Cast.alice.invite.seal().blob, [1, 9]]
    }
}
