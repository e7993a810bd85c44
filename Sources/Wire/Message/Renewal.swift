/// The server asks for another token (`spec/wire.md`, section 4.28).
package struct Challenge: Hashable, Sendable {
  /// For how long the connection goes on without one.
  package var graceMilliseconds: UInt32
  package var text: String

  package init(graceMilliseconds: UInt32, text: String) {
    self.graceMilliseconds = graceMilliseconds
    self.text = text
  }

  func encode(into writer: inout ByteWriter) {
    writer.append(u32: graceMilliseconds)
    writer.append(text: text, limit: Limits.errorTextByteCountMax)
  }

  @_lifetime(reader: copy reader)
  init(from reader: inout ByteReader) throws(WireDecodingError) {
    graceMilliseconds = try reader.u32()
    text = try reader.text(limit: Limits.errorTextByteCountMax)
  }
}

extension Welcome {
  /// The bit of `features` that says that the server takes AUTH.
  package static let renewalFeature: UInt64 = 1 << 2
  package var takesRenewals: Bool { features & Self.renewalFeature != 0 }
}
