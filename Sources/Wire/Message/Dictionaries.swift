/// The server sends a dictionary that batches will need (`spec/wire.md`, section 4.29).
extension BatchDictionary {
  func encode(into writer: inout ByteWriter) {
    writer.append(u64: id)
    writer.append(u32: UInt32(byteCount))
    writer.append(u32: UInt32(packed.count))
    writer.append(packed)
  }

  @_lifetime(reader: copy reader)
  package convenience init(from reader: inout ByteReader) throws(WireDecodingError) {
    let id = try reader.u64()
    let byteCount = Int(try reader.u32())
    let packedByteCount = Int(try reader.u32())
    try self.init(id, packed: ByteString(copying: try reader.span(packedByteCount)), byteCount: byteCount)
  }
}
