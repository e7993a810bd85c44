internal import LogsWire

/// Frames and batches: the cost of values in memory.
extension Benchmark {
  package static var wire: [Benchmark] {
    [
      frameEncode, frameDecode(1), frameDecode(1_000), batchEncode(1), batchEncode(1_000), batchDecode(1),
      batchDecode(1_000), batchCheck(1), batchCheck(1_000), batchCheck(1_000, attributes: true),
    ]
  }

  /// The head of a BATCH, which is all that a delivery encodes.
  private static var frameEncode: Benchmark {
    Benchmark("frame encode", operations: 50_000, allocationsMax: AllocationLimits.frameEncode) {
      let batch = try SampleEntries.batch(1)
      return .onThisThread(entryCount: 0) {
        _ = Message.batch(BatchRange(handle: 1, from: 1, to: 2), batches: batch.bytes).frame(id: 1)
      }
    }
  }

  /// An APPEND, from the bytes that a socket gave to the batch in it.
  package static func frameDecode(_ entryCount: Int) -> Benchmark {
    Benchmark("frame decode, \(entryCount)", operations: 20_000, allocationsMax: AllocationLimits.frameDecode) {
      let append = Append(
        producer: ProducerID(high: 1, low: 2), number: 1, floor: 1, stream: try StreamName("web"),
        batch: try SampleEntries.batch(entryCount).bytes)
      let frame = Message.append(append).frame(id: 1)
      var writer = ByteWriter()
      writer.append(frame.head)
      writer.append(frame.batches)
      let bytes = writer.finish()
      let holder = Holder()
      return .onThisThread(entryCount: entryCount) {
        var offset = 0
        guard let frame = try holder.frames.next(from: bytes.span, at: &offset) else {
          throw BenchmarkError("a whole frame was not decoded")
        }
        guard case .append(let append) = try Message(decoding: frame) else {
          throw BenchmarkError("an APPEND became \(frame.type)")
        }
        _ = try Batch(wholeOf: append.batch)
      }
    }
  }

  /// Entries to a compressed batch.
  private static func batchEncode(_ entryCount: Int) -> Benchmark {
    Benchmark(
      "batch encode, \(entryCount)", operations: rounds(entryCount, 1_000), allocationsMax: AllocationLimits.batchEncode
    ) {
      let entries = SampleEntries.make(entryCount)
      let holder = Holder()
      return .onThisThread(entryCount: entryCount) {
        for entry in entries { _ = try holder.builder.append(entry) }
        _ = holder.builder.finish(compressor: holder.compressor)
      }
    }
  }

  private static func batchDecode(_ entryCount: Int) -> Benchmark {
    Benchmark(
      "batch decode, \(entryCount)", operations: rounds(entryCount, 1_000), allocationsMax: AllocationLimits.batchDecode
    ) {
      let batch = try SampleEntries.batch(entryCount)
      let holder = Holder()
      return .onThisThread(entryCount: entryCount) { _ = try holder.decoder.entries(of: batch) }
    }
  }

  /// The server's work on each batch before it is queued.
  package static func batchCheck(_ entryCount: Int, attributes: Bool = false) -> Benchmark {
    Benchmark(
      "batch check, \(entryCount)\(attributes ? " with attributes" : "")", operations: rounds(entryCount, 2_000),
      allocationsMax: attributes ? AllocationLimits.batchCheckWithAttributes : AllocationLimits.batchCheck
    ) {
      let batch = try SampleEntries.batch(entryCount, attributes: attributes)
      let holder = Holder()
      return .onThisThread(entryCount: entryCount) { try holder.checker.check(appended: batch) }
    }
  }

  private static func rounds(_ entryCount: Int, _ count: Int) -> Int { entryCount == 1 ? 20_000 : count }

  /// The state that a connection or a thread keeps between operations.
  private final class Holder {
    var frames = FrameDecoder(bodyByteCountMax: Limits.frameByteCountMax)
    var builder = BatchBuilder(seed: 1)
    let compressor = Compressor()
    var decoder = BatchDecoder()
    var checker = BatchChecker()
  }
}
