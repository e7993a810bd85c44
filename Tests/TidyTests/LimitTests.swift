import LogsWire
import Testing

/// `spec/limits.md` and `Limits` say the same.
@Suite struct LimitTests {
  private static let constants: [String: String] = [
    "body-before-welcome": mebibytes(Limits.handshakeByteCountMax),
    "bytes-before-welcome": mebibytes(Limits.heldByteCountMax),
    "frame-limit-min": "2 MiB + \(number(Limits.frameByteCountMin - Limits.batchStoredByteCountMax))",
    "control-length": mebibytes(Limits.controlByteCountMax),
    "client-name": number(Limits.clientNameByteCountMax),
    "token": number(Limits.tokenByteCountMax),
    "error-text": number(Limits.errorTextByteCountMax),
    "complete-text": number(Limits.completionTextByteCountMax),
    "stream-name": "1 to \(number(Limits.streamNameByteCountMax))",
    "sequence-number": Limits.numberMax == 1 << 63 - 1 ? "2^63 - 1" : "",
    "selectors": "1 to \(number(Limits.selectorCountMax))",
    "list-page": "1 to \(number(Limits.listingStreamCountMax))",
    "heads": "1 to \(number(Limits.headCountMax))",
    "batch-stored": mebibytes(Limits.batchStoredByteCountMax),
    "batch-raw": mebibytes(Limits.batchRawByteCountMax),
    "zstd-window": mebibytes(Limits.zstdWindowByteCountMax),
    "batch-entries": "1 to \(number(Limits.batchEntryCountMax))",
    "dictionary": "\(Limits.dictionaryByteCountMin) bytes to \(Limits.dictionaryByteCountMax >> 10) KiB",
    "dictionaries": number(Limits.dictionaryCountMax),
    "batch-expanded": mebibytes(Limits.batchExpandedByteCountMax),
    "batch-columns": number(Limits.columnCountMax),
    "message": mebibytes(Limits.messageByteCountMax),
    "source": number(Limits.sourceByteCountMax),
    "attribute-key": "1 to \(number(Limits.attributeKeyByteCountMax)) (inside maps 0 to 255)",
    "attribute-values": number(Limits.attributeCountMax),
    "attribute-depth": number(Limits.attributeDepthMax),
    "attributes": mebibytes(Limits.attributesByteCountMax),
    "filter-text": mebibytes(Limits.filterByteCountMax),
    "filter-terms": number(Limits.filterTermCountMax),
    "filter-depth": number(Limits.filterDepthMax),
    "filter-regexes": number(Limits.filterRegexCountMax),
    "regex-match": number(Limits.regexMatchMax),
    "regex-heap": mebibytes(Limits.regexHeapByteCountMax),
    "queries": number(Limits.queryCountMax),
    "query-streams": number(Limits.queryStreamCountMax),
    "removed-ranges": number(Limits.removedRangeCountMax),
    "query-buckets": number(Limits.queryBucketCountMax),
    "query-fields": number(Limits.queryFieldCountMax),
    "query-values": number(Limits.queryValueCountMax),
    "field-values": "1 to \(Limits.fieldValueCountMax)",
    "field-text": number(Limits.fieldTextByteCountMax),
    "mark-answers": number(Limits.producerBatchCountMax),
    "heartbeat-range": "\(Limits.heartbeatMillisecondsMin) ms to \(Limits.heartbeatMillisecondsMax / 3_600_000) hour",
    "producer-batches": number(Limits.producerBatchCountMax),
    "frame-limit": mebibytes(Limits.frameByteCountMax),
  ]

  /// Rows without a constant: they follow from another limit, or are the server's settings.
  private static let others = [
    "extensions", "cursors", "severity", "silence", "challenge-lead", "challenge-grace", "renewals",
    "renewal-interval", "end-time-delay", "filter-skip", "heartbeat", "append-bytes",
    "append-batches", "subscriptions",
  ]

  @Test func `constants and what WELCOME says are those of the code`() throws {
    var rows: Set<String> = []
    for line in try Tree.file("spec/limits.md").lines.prefix(while: { !$0.hasPrefix("## 3") }) {
      let cells = line.split(separator: "|").map { $0.trimming(" ") }
      guard line.hasPrefix("| `"), let first = cells.first, cells.count >= 3 else { continue }
      let name = first.split(separator: "`").first.map(String.init) ?? ""
      rows.insert(name)
      guard let value = Self.constants[name] else {
        #expect(Self.others.contains(name), "which constant is `\(name)`?")
        continue
      }
      let stated = value.hasSuffix("iB") && !cells[1].contains("iB") ? "\(cells[1]) \(cells[2].prefix(3))" : cells[1]
      #expect(stated == value, "`\(name)`")
    }
    #expect(rows.isSuperset(of: Self.constants.keys))
    #expect(rows.isSuperset(of: Self.others))
  }

  @Test func `the limit on deletions is that of the code`() throws {
    let row = "| `deletions` | \(Limits.deletionCountMax) DELETE under way"
    #expect(try Tree.file("spec/limits.md").lines.contains { $0.hasPrefix(row) })
  }

  @Test func `the limits of packed rows are those of the code`() throws {
    let page = try Tree.file("spec/limits.md").lines
    for (row, file, lines) in [
      (
        "| `packed-row` | 2 MiB of batches of 512 bytes or less on average,", "Segments/RowPacker",
        ["meanByteCountMax = 512"]
      ),
      (
        "| `row-dictionary` | 16 KiB in each segment, made of 128 KiB of small batches; rows of more than 32 KiB are",
        "Segments/RowPacker", ["dictionaryByteCountMax = 16 << 10", "dictionaryRowByteCountMax = 32 << 10"]
      ),
      ("| `row-dictionary` |", "StoreConfiguration", ["rowSamplesByteCount = 128 << 10"]),
    ] {
      #expect(page.contains { $0.hasPrefix(row) }, "\(row)")
      let code = try Tree.file("Sources/Store/\(file).swift").lines
      for line in lines { #expect(code.contains { $0.hasSuffix(line) }, "\(line)") }
    }
  }

  @Test func `the limits of the archive and of backups are those of the code`() throws {
    let page = try Tree.file("spec/limits.md").lines
    for (row, file, line) in [
      ("| `archive-deletions` | 10,000 ranges or", "Archive/ArchiveNotes", "deletionCountMax = 10_000"),
      ("| `archive-ranges` | 10,000 ranges that", "Archive/ArchiveHead", "removedRangeCountMax = 10_000"),
      ("| `backup-catch-up` | 60 s that", "Backup/StoreBackup", "patience: Duration = .seconds(60)"),
      ("| `archive-pace` | 64 MiB a second", "Archive/SegmentArchive", "byteCountPerSecond = 64 << 20"),
      (
        "| `archive-wait` | 30 min that", "StoreConfiguration",
        "archiveCompactionWaitMax: Duration = .seconds(1800)"
      ),
    ] {
      #expect(page.contains { $0.hasPrefix(row) }, "\(row)")
      #expect(try Tree.file("Sources/Store/\(file).swift").lines.contains { $0.hasSuffix(line) }, "\(line)")
    }
  }

  @Test func `the limits on lines that wait, and on what looks at them, are those of the code`() throws {
    let code = try Tree.file("Sources/Ship/Lines/LinePipeline.swift").lines
    let page = try Tree.file("spec/limits.md").lines
    #expect(page.contains { $0.hasPrefix("| `group` | 1,000 lines and 1 MiB") })
    #expect(code.contains { $0.hasSuffix("groupLineCountMax = 1_000") })
    #expect(code.contains { $0.hasSuffix("groupByteCountMax = Limits.messageByteCountMax") })
    #expect(page.contains { $0.hasPrefix("| `line-search` | \(Self.number(Limits.lineMatchMax)) steps") })
    for (row, file, line) in [
      ("| `bookmark` | 1,024 bytes", "Client/Producer/SourceBookmark", "keyByteCountMax = 1 << 10"),
      ("| `bookmark` | 1,024 bytes of a key, 64 KiB", "Client/Producer/SourceBookmark", "valueByteCountMax = 64 << 10"),
      ("| `turn` | 64 KiB", "Ship/Core/Shipment", "turnByteCount = 64 << 10"),
      ("| `shipment` | 1 MiB", "Ship/Core/TurnDesk", "shipmentByteCountMax = 1 << 20"),
      ("| `shipment` | 1 MiB and a turn in one transaction, 4", "Ship/Core/TurnDesk", "inFlightCountMax = 4"),
      ("| `watches` | 8,192", "Ship/Files/FileSourceConfiguration", "watchCountMax = 8_192"),
      ("| `open-files` | 1,024", "Ship/Files/FileSourceConfiguration", "openCountMax = 1_024"),
      (
        "| `held-back` | 1 s, then twice as long each time, up to 60 s", "Client/Append/AppendQueue",
        "heldDelayMax = Duration.seconds(60)"
      ),
      ("| `removed-rest` | 8 MiB", "Ship/Files/FileReader", "lastByteCountMax = 8 << 20"),
      ("| `pieces` | 1,000", "Ship/Lines/PartialLines", "lineCountMax = 1_000"),
      ("| `containers` | 100", "Ship/Docker/DockerConfiguration", "containerCountMax = 100"),
      ("| `overlap` | 1,000", "Ship/Docker/ContainerReader", "overlapLineCount = 1_000"),
      ("| `recent-lines` | 4,096", "Ship/Docker/ShippedLines", "countMax = 4_096"),
      ("| `follow-delay` | 1 s", "Ship/Docker/ContainerReader", "delayNanosecondsMax: Int64 = 1_000_000_000"),
      ("| `import-line` | 8 MiB", "CLI/Input/ImportReader", "lineByteCountMax = 8 << 20"),
      ("| `ship-log` | 100 lines", "Ship/Core/TurnDesk", "burst = 100"),
    ] {
      #expect(page.contains { $0.hasPrefix(row) }, "\(row)")
      #expect(try Tree.file("Sources/\(file).swift").lines.contains { $0.hasSuffix(line) }, "\(line)")
    }
    #expect(page.contains { $0.hasPrefix("| `line-masks` | \(Self.number(Limits.lineMaskCountMax)) matches") })
  }

  @Test func `the limits of a client are those of the code`() throws {
    let code = try Tree.file("Sources/Server/Configuration/ServerConfiguration.swift").lines
    let page = try Tree.file("spec/limits.md").lines
    for (row, value) in [
      ("| `new-streams` | 10,000 streams", "newStreamCountMax: Int? = 10_000"),
      ("| `queries-per-client` | 32 QUERY", "clientQueryCountMax = 32"),
      ("| `connections-per-address` | 1,000 of", "addressConnectionCountMax = 1_000"),
      ("| `output-total` | 256 MiB", "outputByteCountTotalMax = 256 << 20"),
    ] {
      #expect(page.contains { $0.hasPrefix(row) }, "\(row)")
      #expect(code.contains { $0.hasSuffix("var \(value)") }, "\(value)")
    }
  }

  @Test func `the limits of HTTP are those of the code`() throws {
    let code = try Tree.file("Sources/Server/HTTP/HTTPLimits.swift").lines
    let page = try Tree.file("spec/limits.md").lines
    for (row, value) in [
      ("| `http-line` | 8 KiB", "lineByteCountMax = 8 << 10"),
      ("| `http-headers` | 100 headers, 32 KiB", "headersByteCountMax = 32 << 10"),
      ("| `http-headers` | 100 headers", "headerCountMax = 100"),
      ("| `http-chunk-line` | 256 bytes", "chunkLineByteCountMax = 256"),
      ("| `http-body` | 8 MiB", "bodyByteCountMax = 8 << 20"),
      ("| `http-sorted` | 100,000 entries or 64 MiB", "collectedEntryCountMax = 100_000"),
      ("| `http-sorted` | 100,000 entries or 64 MiB", "collectedByteCountMax = 64 << 20"),
      ("| `http-timeout` | 30 to 1,800 s", "timeoutSeconds: ClosedRange<UInt64> = 30...1_800"),
      ("| `http2-streams` | 100", "streamCountMax = 100"),
      ("| `http2-output` | 64 KiB", "streamOutputByteCount = 64 << 10"),
      ("| `http2-resets` | 200", "resetCountMax = 200"),
      ("| `websocket-message` | 256 KiB", "messageByteCountMax = 256 << 10"),
      ("| `websocket-wire-message` | 16 MiB", "wireMessageByteCountMax = 16 << 20"),
      ("| `websocket-id` | 1 to 128 bytes", "subscriptionIDByteCountMax = 128"),
      ("| `websocket-cursors` | 1,000 streams", "liveCursorCountMax = 1_000"),
      ("| `http-key` | 255 bytes", "keyByteCountMax = 255"),
      ("| `http-keys` | 16,384 keys", "keyCountMax = 16_384"),
      ("| `http-keys` | 16,384 keys, 4 MiB", "keysByteCountMax = 4 << 20"),
      ("| `http-ahead` | 64 KiB", "aheadByteCountMax = 64 << 10"),
      ("| `http-page` | 1 to 500", "pageCountMax: UInt64 = 500"),
      ("| `http-container` | 500 ms", "statusLookDuration = Duration.milliseconds(500)"),
      ("| `http-cursor` | 4 KiB", "cursorByteCountMax = 4 << 10"),
    ] {
      #expect(page.contains { $0.hasPrefix(row) }, "\(row)")
      #expect(code.contains { $0.hasSuffix("static let \(value)") }, "\(value)")
    }
  }

  @Test func `the limits of the server's log, doors and renewals are those of the code`() throws {
    let page = try Tree.file("spec/limits.md").lines
    for (row, file, value) in [
      ("| `live-dictionaries` | 16 streams", "Server/Following/LiveDictionaries", "static let countMax = 16"),
      ("| `slow-commit` | 1 s", "Store/StoreConfiguration", "slowSyncTimeMin: Duration = .seconds(1)"),
      ("| `log-waiting` | 1,024 lines", "Server/Log/ServerLog", "waitingCountMax = 1_024"),
      ("| `log-retries` | 64 texts", "Server/Log/RetryCounts", "caseCountMax = 64"),
      ("| `disk-fills` | twice", "Store/Retention/DiskWatch", "static let factor = 2"),
      ("| `control-calls` | 16", "Server/Control/ControlSocket", "callCountMax = 16"),
      ("| `control-time` | 10 s", "Server/Control/ControlSocket", "commandDurationMax = Duration.seconds(10)"),
      ("| `control-line` | 256 bytes", "Server/Control/ControlSocket", "commandByteCountMax = 256"),
      ("| `challenge-lead` | 60 | s", Self.renewals, "challengeLeadMax = Duration.seconds(60)"),
      ("| `challenge-grace` | 1 | heartbeat after CHALLENGE, and 10 s", Self.renewals, "Max = Duration.seconds(10)"),
      ("| `renewal-interval` | 1 | s", Self.renewals, "renewalIntervalMin = Duration.seconds(1)"),
      ("| `connections-reserve` | 8 beyond", "Server/Sharding/ShardCore", "reserveCountMax = 8"),
      ("| `log-stream` | 100 lines", "Server/Log/LogStream", "burstMax = 100"),
      ("| `log-stream` | 100 lines at once and 10 a second", "Server/Log/LogStream", "rateMax = 10"),
    ] {
      #expect(page.contains { $0.hasPrefix(row) }, "\(row)")
      #expect(try Tree.file("Sources/\(file).swift").lines.contains { $0.hasSuffix(value) }, "\(value)")
    }
  }

  @Test func `the limits of SQL are those of the code`() throws {
    let page = try Tree.file("spec/limits.md").lines
    let code = try Tree.file("Sources/SQL/SQLLimits.swift").lines
    for (row, value) in [
      ("| `sql-rows` | 100,000 rows", "rowCountMax = 100_000"),
      ("| `sql-time` | 30 s", "durationMax: Duration = .seconds(30)"),
      ("| `sql-memory` | 256 MiB", "memoryByteCountMax = 256 << 20"),
      ("| `sql-counts` | 1,000,000 rows", "countGroupCountMax = 1_000_000"),
      ("| `sql-text` | 64 KiB", "textByteCountMax: Int32 = 64 << 10"),
      ("| `sql-value` | 16 MiB", "valueByteCountMax: Int32 = 16 << 20"),
      ("| `sql-columns` | 200", "columnCountMax: Int32 = 200"),
      ("| `sql-depth` | 100", "expressionDepthMax: Int32 = 100"),
      ("| `sql-compound` | 50", "compoundCountMax: Int32 = 50"),
      ("| `sql-instructions` | 50,000", "instructionCountMax: Int32 = 50_000"),
      ("| `sql-arguments` | 100", "argumentCountMax: Int32 = 100"),
      ("| `sql-pattern` | 1,000 bytes", "patternByteCountMax: Int32 = 1_000"),
    ] {
      #expect(page.contains { $0.hasPrefix(row) }, "\(row)")
      #expect(code.contains { $0.hasSuffix(value) }, "\(value)")
    }
  }

  private static let renewals = "Server/Connections/ServerConnection+Authorizing"

  private static func number(_ value: Int) -> String {
    let digits = String(value)
    return value < 1_000 ? digits : "\(number(value / 1_000)),\(digits.suffix(3))"
  }

  private static func mebibytes(_ byteCount: Int) -> String {
    byteCount % (1 << 20) == 0 ? "\(byteCount >> 20) MiB" : "\(byteCount >> 10) KiB"
  }
}

extension Substring {
  fileprivate func trimming(_ character: Character) -> String {
    String(trimmingPrefix { $0 == character }.reversed().drop { $0 == character }.reversed())
  }
}
