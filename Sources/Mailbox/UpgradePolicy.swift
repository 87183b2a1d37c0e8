package import Channel

extension WebSocketUpgradePolicy {
    /// What posternd serves: one path, one version, no page of any origin (G4).
    package static let postern = WebSocketUpgradePolicy(subprotocols: ["postern.v0"])
}
