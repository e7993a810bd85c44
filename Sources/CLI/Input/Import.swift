internal import LogsClient
internal import LogsText
internal import LogsWire

/// Hands the entries of an export to a producer, and keeps in its spool how far the file was read.
struct Import {
  private let lines: LineReader
  private let reader: ImportReader
  private let producer: LogProducer
  /// The spool's directory; nil without one.
  private let spool: String?

  /// Entries handed over together.
  private static let entryCountMax = 1_000
  /// Fewer are handed over together if their lines have this many bytes.
  private static let byteCountMax = 512 << 10

  init(_ lines: LineReader, _ reader: ImportReader, _ producer: LogProducer, spool: String?) {
    (self.lines, self.reader, self.producer, self.spool) = (lines, reader, producer, spool)
  }

  /// Lines that were read: how many, and the last one, to tell another file that begins with the same line.
  private struct Place: Equatable {
    var lineCount: UInt64 = 0
    var last: UInt64 = 0

    init() {}

    init?(_ value: ByteString) {
      let words = value.text.split(separator: " ")
      guard words.count == 2, let count = UInt64(words[0]), let last = UInt64(words[1], radix: 16) else { return nil }
      (lineCount, self.last) = (count, last)
    }

    var value: ByteString { ByteString("\(lineCount) \(last.hexadecimal)") }
  }

  /// Reads to the end of the file. What stands before a line that is wrong is handed over.
  func run() async throws {
    var place = Place()
    var key = ""
    var earlier = Place()
    var items: [ImportReader.Item] = []
    var byteCount = 0
    while true {
      let next: LineReader.Chunk?
      do throws(CommandError) { next = try await lines.next() } catch {
        try await hand(items, SourceBookmark(key: key, value: place.value))
        throw error
      }
      guard let next else { break }
      for line in next.lines {
        let before = place
        place.lineCount += 1
        if spool != nil {
          place.last = XXH3.hash(line.bytes.span)
          if key.isEmpty {
            key = "import \(place.last.hexadecimal)"
            if let value = try await producer.bookmarks[key], let found = Place(value) { earlier = found }
            reader.noteEarlier(earlier.lineCount)
          }
          if place.lineCount <= earlier.lineCount {
            if place.lineCount == earlier.lineCount, place != earlier { throw otherFile(earlier) }
            continue
          }
        }
        let item: ImportReader.Item?
        do throws(CommandError) { item = try reader.item(line, number: place.lineCount) } catch {
          // Once it is right, the next import begins with it.
          try await hand(items, SourceBookmark(key: key, value: before.value))
          throw error
        }
        guard let item else { continue }
        items.append(item)
        byteCount += line.bytes.count
        guard items.count == Self.entryCountMax || byteCount >= Self.byteCountMax else { continue }
        try await hand(items, SourceBookmark(key: key, value: place.value))
        items.removeAll(keepingCapacity: true)
        byteCount = 0
      }
    }
    try Task.checkCancellation()
    guard place.lineCount >= earlier.lineCount else { throw otherFile(earlier) }
    try await hand(items, SourceBookmark(key: key, value: place.value))
  }

  private func otherFile(_ earlier: Place) -> CommandError {
    CommandError(
      """
      the import that \(spool ?? "") is of had read another file up to line \(earlier.lineCount): go on with that one, \
      or name another directory with --spool
      """)
  }

  private func hand(_ items: [ImportReader.Item], _ bookmark: SourceBookmark) async throws {
    if items.isEmpty { return }
    guard spool != nil else { return try await hand(items) }
    var group = producer.group()
    for item in items {
      if item.entry.kind == .complete {
        group.complete(item.stream, text: item.entry.text)
      } else {
        group.add(item.entry, to: item.stream)
      }
    }
    group.set(bookmark)
    try await producer.accept(group)
  }

  /// Each stream's in the order in which they came.
  private func hand(_ items: [ImportReader.Item]) async throws {
    var entries: [StreamName: [LogEntry]] = [:]
    for item in items {
      guard item.entry.kind == .complete else {
        entries[item.stream, default: []].append(item.entry)
        continue
      }
      if let before = entries.removeValue(forKey: item.stream) { try await producer.enqueue(before, to: item.stream) }
      do throws(LogError) { _ = try await producer.complete(item.stream, text: item.entry.text) } catch {
        // The producer has told of it, and other streams go on.
        guard error.refusal != nil else { throw error }
      }
    }
    for (stream, entries) in entries { try await producer.enqueue(entries, to: stream) }
  }
}
