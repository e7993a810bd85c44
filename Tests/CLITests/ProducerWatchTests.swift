import LogsClient
import LogsWire
import Testing

@testable import LogsCLI

/// What a command knows of a producer's streams.
@Suite struct ProducerWatchTests {
  @Test func `a stream that is accepted again or refused for good is held back no longer`() {
    let web = StreamName("web")
    let watch = ProducerWatch(hasSpool: true, stream: web)
    let error = LogError(.refused(.forbidden), "a test")
    #expect(watch.held == nil)
    watch.note(.heldBack(stream: web, error: error))
    #expect(watch.held == error)
    watch.note(.released(stream: web))
    #expect(watch.held == nil)
    watch.note(.heldBack(stream: web, error: error))
    watch.note(.refused(stream: web, entryCount: 1, error: LogError(.refused(.streamSealed), "a test")))
    #expect(watch.held == nil)
  }
}
