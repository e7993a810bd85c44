import LogsTransport
import Testing

@Suite struct EndpointTests {
  @Test(arguments: [
    ("logs://example.org", Endpoint.tcp(host: "example.org", port: 5647)),
    ("logs://example.org/", .tcp(host: "example.org", port: 5647)),
    ("LOGS://127.0.0.1:80", .tcp(host: "127.0.0.1", port: 80)),
    ("logs://[::1]:0", .tcp(host: "::1", port: 0)),
    ("logs://[fe80::1%eth0]", .tcp(host: "fe80::1%eth0", port: 5647)),
    ("logs+ws://example.org", .web(WebAddress(host: "example.org", port: 80, isTLS: false, basePath: ""))),
    ("logs+wss://[::1]:8443/a/b/", .web(WebAddress(host: "::1", port: 8443, isTLS: true, basePath: "/a/b"))),
    ("logs+wss://h/x/api/v1/wire", .web(WebAddress(host: "h", port: 443, isTLS: true, basePath: "/x"))),
    ("logs+unix:///run/logs.sock", .unix(path: "/run/logs.sock")),
  ])
  func `a URL survives reading and printing`(url: String, expected: Endpoint) throws {
    let endpoint = try Endpoint(url)
    #expect(endpoint == expected)
    #expect(try Endpoint(endpoint.description) == expected)
  }

  @Test(arguments: [
    ("", "has no scheme; write logs://host"),
    ("localhost:5647", "write logs://localhost:5647"),
    ("ftp://localhost", "unknown scheme ftp; write logs://host[:port], logs+tls://host[:port], logs+ws://"),
    ("http://localhost", "scheme http, which is not spoken here; write logs+ws://localhost"),
    ("ws://localhost:5649/a", "write logs+ws://localhost:5649/a to go through"),
    ("wss://localhost", "write logs+wss://localhost"),
    ("ws://a b", "write logs+ws://host[:port][/path] to go through --listen-http of logsd, with logs+wss:// over TLS"),
    ("logs://", "write logs://localhost"),
    ("logs://:5647", "has no host"),
    ("logs://user@host", "has a \"@\" in its host"),
    ("logs://host/path", "has a \"/\" in its host"),
    ("logs://ho%st", "no name and no address"),
    ("logs://host:", "has the port \"\""),
    ("logs://5650", "write logs://127.0.0.1:5650 if it is a port"),
    ("logs://host:65536", "a number up to 65535"),
    ("logs://host:+1", "a number up to 65535"),
    ("logs+ws://host/a?b", "has a path with spaces, ? or #"),
    ("logs://::1", "write an IPv6 address in brackets"),
    ("logs://[::1", "no closing bracket"),
    ("logs://[1.2.3.4]", "no IPv6 address in its brackets"),
    ("logs://[::1]5647", "continues after the bracket"),
    ("logs+unix://path", "write logs+unix:///path/to/socket"),
    ("logs+unix:///", "no absolute path"),
  ])
  func `the error for a wrong URL says what to write instead`(url: String, text: String) {
    let error = #expect(throws: TransportError.self) { try Endpoint(url) }
    #expect(error?.code == .invalidEndpoint)
    #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("\n") == false)
  }

  @Test(arguments: [
    ("logs+tls://host", "logs+tls://host:5648"), ("logs+tls://[::1]:7000", "logs+tls://[::1]:7000"),
  ])
  func `TLS has a port of its own`(url: String, text: String) throws {
    let endpoint = try Endpoint(url)
    #expect(endpoint.isTLS)
    #expect("\(endpoint)" == text)
  }
}
