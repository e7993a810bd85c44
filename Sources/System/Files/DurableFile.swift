internal import CSystem

/// An open file of a fixed size whose writes are durable when they return. For one thread at a time.
package protocol DurableFile: Sendable {
  /// What offsets and lengths have to be a multiple of.
  var blockByteCount: Int { get }
  /// Whether writes go past the page cache.
  var isDirect: Bool { get }
  /// Writes the first `byteCount` bytes at `offset`. After an error some of them may be there.
  func write(_ bytes: AlignedBytes, byteCount: Int, at offset: Int) throws(FileError)
}

/// A file of the system's.
final class PosixDurableFile: DurableFile {
  let blockByteCount: Int
  let isDirect: Bool
  private let path: String
  private let file: Descriptor

  init(_ path: String) throws(FileError) {
    var block: UInt32 = 0
    var isDirect: Int32 = 0
    let number = unsafe logs_open_durable(path, &block, &isDirect)
    if number < 0 { throw FileError("open", path) }
    file = Descriptor(adopting: number)
    self.path = path
    blockByteCount = Int(block)
    self.isDirect = isDirect != 0
  }

  func write(_ bytes: AlignedBytes, byteCount: Int, at offset: Int) throws(FileError) {
    let status = unsafe bytes.withBytes(byteCount) { bytes in
      unsafe logs_write_durable(file.number, bytes.baseAddress, UInt(bytes.count), Int64(offset))
    }
    // What a failed write has left is as unknown as after a failed sync.
    if status != 0 { throw FileError(FileError.synchronizing, path) }
  }
}
