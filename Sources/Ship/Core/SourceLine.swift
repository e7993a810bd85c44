package import LogsWire

/// A line as a source has read it, before it becomes an entry or a part of one.
package struct SourceLine: Sendable {
  /// The line without its end; of one that is too long, the beginning.
  package var bytes: ByteString
  /// The length of the whole line.
  package var byteCount: Int
  /// When the source says that it was written, in ns since 1970; 0 if it does not say.
  package var time: Int64
  /// When it was read, for lines of which nothing says when they were written; 0 for none.
  package var arrival: Int64 = 0
  /// How severe the source says that it is; what the line says of itself goes before.
  package var severity = LogSeverity.unspecified
  /// Who wrote it, if the source knows; what the line says of itself goes before.
  package var writer: ByteString?
  /// What the source says of it, such as `stream`: `stdout` or `stderr`. Only lines with equal ones are grouped.
  package var attributes: [LogAttribute]
  /// Where the source is to be read on once this line is shipped: an offset, a number.
  package var end: UInt64

  package init(
    _ bytes: ByteString, byteCount: Int? = nil, time: Int64 = 0, attributes: [LogAttribute] = [], end: UInt64 = 0
  ) {
    self.bytes = bytes
    self.byteCount = byteCount ?? bytes.count
    self.time = time
    self.attributes = attributes
    self.end = end
  }
}
