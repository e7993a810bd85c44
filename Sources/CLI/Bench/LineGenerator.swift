internal import LogsClient

/// Lines as services write them: a dozen forms, some of them rare, with numbers, names, and identifiers and addresses
/// that recur in nearby lines. Every machine gets the same lines.
///
/// A line has 119 bytes on average, and zstd at level 1 compresses 1,000 of them to 17 %, like the real logs of many
/// systems.
struct LineGenerator {
  struct Line {
    let severity: LogSeverity
    let source: String
    let text: String
  }

  private var state: UInt64 = 0x6c6f_6773
  private var lineCount: UInt64 = 0

  mutating func next() -> Line {
    // The smallest of three numbers: the first forms are the most frequent.
    let form = Self.forms[min(below(Self.forms.count), below(Self.forms.count), below(Self.forms.count))]
    lineCount += 1
    var text = ""
    for part in form.parts {
      switch part {
      case .text(let fixed): text += fixed
      case .number(let limit): text += String(below(limit))
      // One of about 30 tasks in progress; each appears in about 10 lines.
      case .identifier: text += String(Self.mix(lineCount / 10 + UInt64(below(30))), radix: 16)
      case .address: text += "10.0.\(below(4)).\(below(16)):\(8_000 + min(below(1_000), below(1_000)))"
      case .name(let names): text += names[min(below(names.count), below(names.count))]
      }
    }
    return Line(severity: form.severity, source: form.source, text: text)
  }

  private mutating func below(_ limit: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Int(Self.mix(state) % UInt64(limit))
  }

  /// SplitMix64.
  private static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  // MARK: The forms

  private enum Part {
    case text(String)
    case number(Int)
    case identifier
    case address
    case name([String])
  }

  private struct Form {
    let severity: LogSeverity
    let source: String
    let parts: [Part]

    init(_ severity: LogSeverity, _ source: String, _ parts: Part...) {
      (self.severity, self.source, self.parts) = (severity, source, parts)
    }
  }

  private static let methods = ["GET", "POST", "PUT", "DELETE", "HEAD"]
  private static let paths = [
    "/api/v1/items", "/api/v1/orders", "/health", "/api/v1/users/me", "/static/app.js", "/api/v1/search", "/metrics",
    "/api/v2/sessions", "/favicon.ico", "/api/v1/carts/checkout", "/static/style.css", "/api/v1/reports/daily",
  ]
  private static let tables = ["orders", "items", "users", "sessions", "events", "audit_entries", "prices", "carts"]
  private static let tasks = ["SendReceipt", "ResizeImage", "SyncInventory", "RotateKeys", "BuildReport", "PruneCache"]

  private static let forms = [
    Form(
      .info, "web", .address, .text(" \""), .name(methods), .text(" "), .name(paths), .text("?page="), .number(40),
      .text("&session="), .identifier, .text(" HTTP/1.1\" 200 "), .number(90_000), .text(" "), .number(900),
      .text("us \"Mozilla/5.0 (X11; Linux x86_64)\"")),
    Form(
      .debug, "db", .text("[pool-"), .number(8),
      .text("] com.example.persistence.StatementLog - SELECT id, state, updated_at FROM "), .name(tables),
      .text(" WHERE id = "), .number(2_000_000), .text(" took "), .number(40), .text("."), .number(1000),
      .text(" ms, rows="), .number(20)),
    Form(
      .info, "worker", .text("task "), .name(tasks), .text("["), .identifier, .text("] finished: attempt="), .number(3),
      .text(" queue=default wait_ms="), .number(300), .text(" run_ms="), .number(5_000),
      .text(" result=ok host=worker-"), .number(8), .text(".example.internal")),
    Form(
      .info, "gateway", .text("upstream request completed trace_id="), .identifier, .text(" span_id="), .identifier,
      .text(" peer="), .address, .text(" bytes_in="), .number(4_000), .text(" bytes_out="), .number(60_000)),
    Form(
      .info, "storage", .text("Received block blk_"), .number(1_000_000_000), .text(" of size 67108864 from /"),
      .address, .text(" dest /"), .address),
    Form(
      .debug, "cache", .text("com.example.cache.ShardedCache: miss key="), .name(tables), .text(":"), .number(500_000),
      .text(" shard="), .number(16),
      .text(" size="), .number(4_096), .text(" ttl=300s evicted="), .number(4)),
    Form(
      .info, "auth", .text("Accepted publickey for deploy from "), .address, .text(" ssh2: key id "), .identifier),
    Form(
      .warning, "db", .text("slow statement on "), .name(tables), .text(": "), .number(9_000),
      .text(" ms; plan: Seq Scan, filter: (created_at > now() - interval '1 day'), rows removed: "), .number(900_000)),
    Form(
      .warning, "gateway", .text("retrying request to "), .address, .text(" after status 503, attempt "), .number(5),
      .text(" of 5, backing off for "), .number(2_000), .text(" ms, trace_id="), .identifier),
    Form(
      .error, "worker", .text("task "), .name(tasks), .text("["), .identifier,
      .text("] failed: connection to "), .address, .text(" was reset by peer (errno 104); it is tried again in "),
      .number(60), .text(" s")),
    Form(
      .error, "web",
      .text("unhandled error in "), .name(paths), .text(": java.lang.IllegalStateException: cart "), .number(90_000),
      .text(" is locked\\n\\tat com.example.cart.CartService.lock(CartService.java:"), .number(400), .text(")")),
    Form(
      .info, "kernel", .text("["), .number(900_000), .text("."), .number(1_000_000),
      .text("] eth0: link becomes ready, 10000 Mbps full duplex, flow control rx/tx")),
  ]
}
