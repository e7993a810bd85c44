import Testing

@testable import LogsServer

@Suite struct HTTPDateTests {
  @Test func `the date of answers goes with the clock, forwards and backwards`() {
    var date = HTTPDate()
    #expect(date.text(now: 784_111_777_000_000_000) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(date.text(now: 784_111_777_999_999_999) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(date.text(now: 784_111_778_000_000_000) == "Sun, 06 Nov 1994 08:49:38 GMT")
    #expect(date.text(now: 784_111_777_000_000_000) == "Sun, 06 Nov 1994 08:49:37 GMT")
  }

  @Test func `all answers but those that change the protocol have one`() {
    let text = "Sun, 06 Nov 1994 08:49:37 GMT"
    let header = HTTPHeader("Date", text)
    for status in [200, 401, 429, 503] {
      #expect(HTTPHead(status, "text/plain").complete(date: text).contains(header))
    }
    #expect(!HTTPHead(upgrade: []).complete(date: text).contains(header))
  }
}
