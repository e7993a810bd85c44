import Testing

@testable import LogsServer

/// Where requests come from, and which addresses are in a range.
@Suite struct HTTPSenderTests {
  @Test func `ranges hold the addresses that begin with their bits`() throws {
    let cases: [(String, inside: [String], outside: [String])] = [
      ("10.0.0.1", ["10.0.0.1", "::ffff:10.0.0.1"], ["10.0.0.2", "::1", "x", ""]),
      ("10.0.0.0/8", ["10.255.0.1"], ["11.0.0.0", "9.255.255.255"]),
      ("192.168.4.0/22", ["192.168.7.255"], ["192.168.8.0", "192.168.3.255"]),
      ("0.0.0.0/0", ["203.0.113.1"], ["2001:db8::1"]),
      ("fd00::/8", ["fd12::1", "[fdff::2]"], ["fe00::1", "10.0.0.1"]),
      ("::1", ["[::1]", "::1"], ["::2", "127.0.0.1"]),
    ]
    for (text, inside, outside) in cases {
      let range = try #require(AddressRange(text))
      for address in inside { #expect(range.contains(address), "\(address) in \(text)") }
      for address in outside { #expect(!range.contains(address), "\(address) in \(text)") }
    }
    for text in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "localhost", "10.0.0.1/8/8"] {
      #expect(AddressRange(text) == nil, "\(text)")
    }
  }

  private func sender(_ headers: [(String, String)], from address: String = "10.0.0.1") throws -> HTTPSender {
    var request = HTTPRequest(method: "GET", target: "/", isVersion10: false)
    request.headers = [HTTPHeader("host", "inner")] + headers.map { HTTPHeader($0.0, $0.1) }
    let proxies = try ["10.0.0.0/8", "::1"].map { try #require(AddressRange($0)) }
    return HTTPSender(request, address: address, isSecure: false, proxies: proxies)
  }

  @Test func `the last address that is no proxy counts`() throws {
    let list = "x-forwarded-for"
    #expect(try sender([]).address == "10.0.0.1")
    #expect(try sender([(list, "192.0.2.1")]).address == "192.0.2.1")
    // The first one is what the client claims.
    #expect(try sender([(list, "127.0.0.1, 192.0.2.1, 10.0.0.9")]).address == "192.0.2.1")
    #expect(try sender([(list, "127.0.0.1"), (list, "192.0.2.1")]).address == "192.0.2.1")
    #expect(try sender([(list, "192.0.2.1")], from: "[::1]").address == "192.0.2.1")
    #expect(try sender([(list, "10.0.0.2, 10.0.0.3")]).address == "10.0.0.2")
    #expect(try sender([(list, "192.0.2.1, nonsense")]).address == "10.0.0.1")
    #expect(try sender([(list, "192.0.2.1")], from: "203.0.113.1").address == "203.0.113.1")
  }

  @Test func `scheme and host are those that the proxy names`() throws {
    let headers = [("x-forwarded-proto", "https"), ("x-forwarded-host", "logs.example")]
    let trusted = try sender(headers)
    #expect(trusted.isSecure && trusted.host == "logs.example" && trusted.isPrivate)
    let other = try sender(headers, from: "192.0.2.1")
    #expect(!other.isSecure && other.host == "inner" && !other.isPrivate)
    #expect(try sender([("x-forwarded-proto", "https, http")]).isSecure == false)
    #expect(try sender([], from: "127.0.0.1").isPrivate)
  }
}
