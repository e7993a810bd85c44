import Testing

import func Glibc.getenv

@testable import LogsSimulation
@testable import LogsWire

/// Times are reported, never asserted: `env LOGS_BENCH=1 swift test -c release --filter BatchSpeed`.
@Suite(.enabled(if: getenv("LOGS_BENCH") != nil), .serialized) struct `Batch speed` {
  private static func entries(_ count: Int, attributes: Bool) -> [LogEntry] {
    var random = SeededGenerator(seed: 1)
    var time: Int64 = 1_767_225_600_000_000_000
    return (0..<count).map { index in
      time += Int64.random(in: 0..<2_000_000, using: &random)
      let user = Int.random(in: 0..<5000, using: &random)
      let size = Int.random(in: 100..<20_000, using: &random)
      let host = "10.0.\(user % 250).\(user % 199)"
      let text = "\(host) - - \"GET /api/items/\(user) HTTP/1.1\" 200 \(size) \"-\" \"Mozilla/5.0\""
      var entry = LogEntry(message: ByteString(text), time: time, severity: .info, source: ByteString("nginx"))
      if attributes {
        entry.attributes = [LogAttribute("user", .integer(Int64(user))), LogAttribute("host", .string(host))]
      }
      return entry
    }
  }

  private func report(_ what: String, _ count: Int, _ body: () throws -> Void) rethrows {
    let clock = ContinuousClock()
    var best = Duration.seconds(1000)
    for _ in 0..<5 { best = min(best, try clock.measure(body)) }
    let seconds = Double(best.nanoseconds) / 1e9
    print("\(what): \((Double(count) / seconds / 1e5).rounded() / 10) M entries/s")
  }

  @Test(arguments: [false, true]) func `encode, compress, check and decode batches of 1,000 entries`(
    _ attributes: Bool
  ) throws {
    let name = attributes ? "two attributes" : "no attributes"
    let entries = Self.entries(1000, attributes: attributes)
    let rounds = 200
    var builder = BatchBuilder(seed: 1)
    let compressor = Compressor()
    try report("encode, \(name)", 1000 * rounds) {
      for _ in 0..<rounds {
        for entry in entries { _ = try builder.append(entry) }
        builder.removeAll()
      }
    }
    var batch: Batch?
    try report("encode and compress, \(name)", 1000 * rounds) {
      for _ in 0..<rounds {
        for entry in entries { _ = try builder.append(entry) }
        batch = builder.finish(compressor: compressor)
      }
    }
    let appended = try #require(batch)
    let raw = entries.reduce(0) { $0 + $1.message.count }
    print("size, \(name): \(appended.bytes.count) bytes for \(raw) bytes of messages")
    var checker = BatchChecker()
    try report("check on append, \(name)", 1000 * rounds) {
      for _ in 0..<rounds { try checker.check(appended: appended) }
    }
    let decompressor = Decompressor()
    var payload = ByteWriter()
    try report("decompress alone, \(name)", 1000 * rounds) {
      for _ in 0..<rounds {
        payload.removeAll()
        try decompressor.decompress(appended, into: &payload)
      }
    }
    var decoder = BatchDecoder()
    try report("decode, \(name)", 1000 * rounds) {
      for _ in 0..<rounds { _ = try decoder.entries(of: appended) }
    }
    try report("effective times, \(name)", 1000 * rounds) {
      for _ in 0..<rounds { _ = try decoder.effectiveTimes(of: appended) }
    }
  }

  @Test func `frames`() throws {
    let batch = try Batches.numbered(Self.entries(1000, attributes: false), first: 1, seed: Sample.seed)
    let rounds = 100_000
    report("BATCH frames, head only (frames)", rounds) {
      for round in 0..<rounds {
        _ = Message.batch(BatchRange(handle: 1, from: 1, to: UInt64(round + 1)), batches: batch.bytes).frame(id: 1)
      }
    }
    let frame = ByteString(Frames.bytes(Message.append(Sample.append(batch: batch.bytes)).frame(id: 1)))
    try report("APPEND frames of \(frame.count) bytes, decoded (frames)", 10_000) {
      var decoder = FrameDecoder(bodyByteCountMax: Limits.frameByteCountMax)
      for _ in 0..<10_000 {
        var offset = 0
        guard let whole = try decoder.next(from: frame.span, at: &offset) else { return }
        _ = try Message(decoding: whole)
      }
    }
    let pattern = try StreamPattern("*a*b*c*d*e*f*g*h*i*j*k*l*m*n*o*p*q*r*s*t*u*v*w*x*y*z")
    let name = Sample.name("docker/production/web-frontend/abcdefghijklmnopqrstuvwxy")
    report("matches of a bad pattern (matches)", 100_000) {
      for _ in 0..<100_000 { _ = pattern.matches(name) }
    }
  }
}
