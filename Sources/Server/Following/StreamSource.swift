package import LogsStore
package import LogsWire

/// What following needs of a store: which streams exist, and what they hold (`Store` documents each call).
package protocol StreamSource: AnyObject {
  var newestStreamID: Int64 { get }
  func stream(named name: StreamName) -> StreamInfo?
  func streams(from text: String, beginningWith prefix: String, limit: Int) -> [StreamInfo]
  func streams(bornAfter id: Int64, limit: Int) -> [StreamInfo]

  func readCached(_ request: ReadRequest) -> ReadResult?
  func isCached(_ request: ReadRequest) -> Bool

  // From here on the answer comes later, on any thread.

  func read(
    _ requests: [ReadRequest], cancellation: CancellationToken,
    then: @escaping @Sendable ([Result<ReadResult, StoreError>]) -> Void)
  func findSequence(
    stream: Int64, atOrAfter time: Int64, cancellation: CancellationToken,
    then: @escaping @Sendable (Result<UInt64, StoreError>) -> Void)
  func findSequence(
    stream: Int64, atOrBefore time: Int64, in bounds: ClosedRange<UInt64>, cancellation: CancellationToken,
    then: @escaping @Sendable (Result<UInt64?, StoreError>) -> Void)
  func findDictionary(
    stream: Int64, then: @escaping @Sendable (Result<StreamDictionary?, StoreError>) -> Void)
}

extension Store: StreamSource {}
