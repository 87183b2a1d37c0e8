import Channel
import Platform
import Primitives
import Testing
import Wire

@testable import Mailbox

@Suite("The operator's listener")
struct AdminAnswerTests {
    private func answer(
        _ target: String = "/health", host: String, at address: String = "127.0.0.1:8438",
        more: String = "", _ health: HealthState.Condition = .serving
    ) throws -> HTTPResponse {
        let address = try #require(SocketAddress(numeric: address))
        var reader = HTTPRequestReader(limits: AdminListener.limits)
        let text = "GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\(more)\r\n"
        let head = try #require(try reader.receive(Array(text.utf8).raw))
        return AdminListener.answer(head, at: address, health)
    }

    @Test(
        "O1 it answers under its own names only",
        arguments: ["127.0.0.1:8438", "127.0.0.1", "localhost:8438", "LocalHost", "localhost"])
    func ownNames(_ host: String) throws {
        let response = try answer(host: host)
        #expect(response.status == .ok && response.body == "{\"status\":\"ok\"}\n")
    }

    @Test(
        "O1 a page whose name leads to this machine is refused (DNS rebinding)",
        arguments: [
            "evil.example", "evil.example:8438", "127.0.0.1:8437", "127.0.0.2:8438",
            "localhost.evil.example:8438", "127.0.0.1.evil.example", "[::1]:8438", "0.0.0.0:8438",
        ])
    func foreignNames(_ host: String) throws {
        #expect(try answer(host: host).status == .forbidden)
        #expect(try answer("/", host: host).status == .forbidden)
    }

    @Test("O1 what names an origin comes from a page and is refused")
    func origins() throws {
        #expect(
            try answer(host: "localhost", more: "Origin: http://localhost:8438\r\n").status
                == .forbidden)
        #expect(try answer(host: "localhost", more: "Origin: null\r\n").status == .forbidden)
    }

    @Test("CH-1 CH-2 the operator's listener has the limits of the other one and refuses repeats")
    func form() throws {
        #expect(AdminListener.limits.headByteCountMax == Limits.headByteCountMax)
        #expect(AdminListener.limits.fieldCountMax == Limits.headFieldsMax)
        #expect(throws: HTTPError.repeatedField(.origin)) {
            _ = try self.answer(host: "localhost", more: "Origin: a\r\nOrigin: b\r\n")
        }
        #expect(throws: HTTPError.repeatedField(.upgrade)) {
            _ = try self.answer(host: "localhost", more: "Upgrade: a\r\nUpgrade: a\r\n")
        }
    }

    @Test("O1 IPv6 loopback has its own name")
    func version6() throws {
        #expect(try answer(host: "[::1]:8438", at: "[::1]:8438").status == .ok)
        #expect(try answer(host: "[::1]", at: "[::1]:8438").status == .ok)
        #expect(try answer(host: "127.0.0.1:8438", at: "[::1]:8438").status == .forbidden)
    }

    @Test("O1 there is one thing to ask, and it tells when the server does not serve")
    func targets() throws {
        #expect(try answer("/metrics", host: "localhost").status == .notFound)
        #expect(try answer("/health/", host: "localhost").status == .notFound)
        for health in [HealthState.Condition.starting, .draining, .failed] {
            #expect(try answer(host: "localhost", health).status == .serviceUnavailable)
        }
    }
}
