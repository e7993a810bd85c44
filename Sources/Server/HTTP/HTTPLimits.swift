/// The limits of the HTTP door (`spec/limits.md`, section 3).
enum HTTPLimits {
  /// A request line.
  static let lineByteCountMax = 8 << 10
  /// All headers of a request, and all trailers.
  static let headersByteCountMax = 32 << 10
  static let headerCountMax = 100
  /// The line with the size of a chunk.
  static let chunkLineByteCountMax = 256
  /// A body: what a batch can hold before it is compressed, and room for what JSON says more.
  static let bodyByteCountMax = 8 << 20
  /// What is read ahead while a request is answered.
  static let aheadByteCountMax = 64 << 10
}
