internal import LogsWire

/// How a journal lies in its file (`spec/storage.md`, section 10).
enum JournalFormat {
  static let version: UInt32 = 1
  /// The header's, and the multiple of the ring's size.
  static let headerByteCount = 4096
  static let recordHeaderByteCount = 32

  /// What a file begins with.
  struct Header: Equatable, Sendable {
    var store: InstanceID
    /// Drawn when the journal was made.
    var id: InstanceID
    /// What positions are a multiple of.
    var blockByteCount: Int
    /// The room for records, behind the header.
    var ringByteCount: Int

    /// What a record of this many bytes takes: whole blocks.
    func padded(_ byteCount: Int) -> UInt64 {
      UInt64((byteCount + blockByteCount - 1) / blockByteCount * blockByteCount)
    }

    /// Records are seeded with it: those of another journal are none.
    var seed: UInt64 {
      var writer = ByteWriter(capacity: 32)
      writer.append(store.bytes)
      writer.append(id.bytes)
      return XXH3.hash(writer.span)
    }
  }

  private static let magic = "LOGSJRNL"
  private static let recordMagic: UInt32 = 0x4345_524A  // "JREC"
  private static let checkOffset = 56

  static func encode(_ header: Header) -> [UInt8] {
    var writer = ByteWriter(capacity: headerByteCount)
    writer.append(utf8: magic)
    writer.append(u32: version)
    writer.append(u32: UInt32(header.blockByteCount))
    writer.append(u64: UInt64(header.ringByteCount))
    writer.append(header.store.bytes)
    writer.append(header.id.bytes)
    writer.append(u64: XXH3.hash(writer.span))
    writer.append(zeros: headerByteCount - writer.count)
    return writer.finish().array
  }

  enum HeaderProblem: Error {
    case isNoJournal
    case isNewer(UInt32)
  }

  /// - Parameter file: the beginning of a file of `byteCount` bytes.
  static func header(of file: [UInt8], byteCount: Int) throws(HeaderProblem) -> Header {
    guard file.count >= headerByteCount, Array(file.prefix(8)) == Array(magic.utf8) else { throw .isNoJournal }
    let check = unsafe XXH3.hash(file.span.bytes.extracting(0..<checkOffset))
    let found: Header
    let version: UInt32
    do throws(WireDecodingError) {
      var reader = unsafe ByteReader(file.span.bytes.extracting(8..<checkOffset + 8))
      version = try reader.u32()
      let (block, ring) = (try reader.u32(), try reader.u64())
      let store = InstanceID(stored: ByteString(copying: try reader.span(16)))
      let id = InstanceID(stored: ByteString(copying: try reader.span(16)))
      guard try reader.u64() == check, let store, let id, block > 0, ring > 0, ring % UInt64(headerByteCount) == 0,
        UInt64(byteCount) == UInt64(headerByteCount) + ring
      else { throw WireDecodingError("no header", at: 0) }
      found = Header(store: store, id: id, blockByteCount: Int(block), ringByteCount: Int(ring))
    } catch {
      throw .isNoJournal
    }
    if version > self.version { throw .isNewer(version) }
    return found
  }
}

// MARK: records

extension JournalFormat {
  /// Wraps what has been encoded behind the room for the header of a record.
  ///
  /// - Parameter record: begins with `recordHeaderByteCount` bytes of anything.
  static func seal(_ record: inout ByteWriter, position: UInt64, previousEnd: UInt64, seed: UInt64) {
    record.overwrite(u64: position, at: 8)
    record.overwrite(u32: UInt32(record.count), at: 16)
    record.overwrite(u32: recordMagic, at: 20)
    record.overwrite(u64: previousEnd, at: 24)
    record.overwrite(u64: XXH3.hash(record.span.extracting(8..<record.count), seed: seed), at: 0)
  }

  struct RecordHeader {
    let check: UInt64
    let position: UInt64
    /// With the header.
    let byteCount: Int
    let previousEnd: UInt64
  }

  /// What looks like the header of a record; its content may be torn.
  static func recordHeader(of bytes: RawSpan) -> RecordHeader? {
    do throws(WireDecodingError) {
      var reader = ByteReader(bytes)
      let (check, position, length, magic) = (try reader.u64(), try reader.u64(), try reader.u32(), try reader.u32())
      guard magic == recordMagic, length >= recordHeaderByteCount else { return nil }
      return RecordHeader(check: check, position: position, byteCount: Int(length), previousEnd: try reader.u64())
    } catch {
      return nil
    }
  }
}
