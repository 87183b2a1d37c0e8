internal import Wire

extension Engine {
    /// What `doctor` finds in the vault.
    ///
    /// - Parameter serverAnswers: False when the own server was not reached: what it would have
    ///   told is then not known, whatever the vault says of earlier times.
    package func findings(at moment: Moment, serverAnswers: Bool) -> [DoctorFinding] {
        [
            DoctorFinding(
                subject: "vault", isGood: true, sentence: "It opens and its contents are sound."),
            certificateFinding(at: moment),
            clockFinding(serverAnswers),
            directoryFinding(at: moment, serverAnswers),
            firstMessagesFinding(), outboxFinding(),
            copiesFinding(),
        ]
    }

    private func certificateFinding(at moment: Moment) -> DoctorFinding {
        let seconds = Int64(clamping: moment.wall / 1_000)
        let isLive = identity.certificate.isLive(secondsSince1970: seconds)
        return DoctorFinding(
            subject: "certificate", isGood: isLive,
            sentence: isLive
                ? "The device's certificate is valid."
                : "The device's certificate has expired; contacts will refuse new sessions.")
    }

    private func clockFinding(_ serverAnswers: Bool) -> DoctorFinding {
        if maintenance.toldClock {
            return DoctorFinding(
                subject: "clock", isGood: false,
                sentence: "It differs from the server's by more than five minutes; set it.")
        }
        return DoctorFinding(
            subject: "clock", isGood: serverAnswers ? true : nil,
            sentence: serverAnswers
                ? "It agrees with the server's."
                : "Not known: it is compared with the server's.")
    }

    /// The keys for first messages that lie on the server, if there is a handle to find them by.
    private func directoryFinding(at moment: Moment, _ serverAnswers: Bool) -> DoctorFinding {
        guard identity.isRegistered else {
            return DoctorFinding(
                subject: "handle", isGood: true,
                sentence: "None; people reach you by invite links.")
        }
        let published = identity.bundlePublishedMilliseconds
        let age = moment.wall > published ? moment.wall - published : 0
        guard age < 6 * 86_400_000 else {
            return DoctorFinding(
                subject: "prekeys", isGood: false,
                sentence:
                    "Those on the server grow old; run `postern receive` while it can be reached.")
        }
        return DoctorFinding(
            subject: "prekeys", isGood: serverAnswers ? true : nil,
            sentence: serverAnswers
                ? "Fresh ones are on the server."
                : "Not known: the server was not asked whether it has them.")
    }

    /// How the sessions that are kept began. A9
    private func firstMessagesFinding() -> DoctorFinding {
        let count = sessions.records.values.count { !$0.usesOneTime }
        return DoctorFinding(
            subject: "first messages", isGood: true,
            sentence: count == 0
                ? "All sessions began with one-time keys."
                : "\(count) of \(sessions.records.count) sessions began without one-time keys;"
                    + " what was written first is safe once the other prekeys are erased.")
    }

    private func outboxFinding() -> DoctorFinding {
        let held = outbox.count {
            $0.reason != .waitingForServer && $0.reason != .waitingForReply
        }
        guard held == 0 else {
            return DoctorFinding(
                subject: "outbox", isGood: false,
                sentence: "\(Self.count(held, "is", "are")) held up; see `postern outbox`.")
        }
        let waiting = outboxSummaries().count { $0.id != nil && $0.reason == .waitingForServer }
        return DoctorFinding(
            subject: "outbox", isGood: true,
            sentence: waiting == 0
                ? "Nothing is held up."
                : "\(Self.count(waiting, "waits", "wait")) for a server; see `postern outbox`.")
    }

    private func copiesFinding() -> DoctorFinding {
        let isCopied = mailboxes.values.contains { $0.state == .copied }
        return DoctorFinding(
            subject: "copies", isGood: !isCopied,
            sentence: isCopied
                ? "Another copy of this account has written; use only one of them."
                : "No other copy of this account has written.")
    }

    private static func count(_ count: Int, _ one: String, _ several: String) -> String {
        count == 1 ? "1 message \(one)" : "\(count) messages \(several)"
    }
}
