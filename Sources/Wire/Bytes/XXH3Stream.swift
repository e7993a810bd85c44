internal import CXXHash

/// XXH3-64 of bytes that come in pieces.
@safe package struct XXH3Stream: ~Copyable {
  private let state: OpaquePointer

  package init() {
    guard let state = unsafe XXH3_createState() else { preconditionFailure("there is no memory for a hash") }
    unsafe self.state = state
    unsafe XXH3_64bits_reset(state)
  }

  deinit { unsafe XXH3_freeState(state) }

  package mutating func append(_ bytes: RawSpan) {
    unsafe bytes.withUnsafeBytes { _ = unsafe XXH3_64bits_update(state, $0.baseAddress, $0.count) }
  }

  /// Of what has come so far.
  package var value: UInt64 { unsafe XXH3_64bits_digest(state) }
}
