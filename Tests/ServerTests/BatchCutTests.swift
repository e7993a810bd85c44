import LogsStore
import LogsWire
import Testing

@testable import LogsServer

@Suite struct BatchCutTests {
  /// Batches of 10 entries each, from number 1 on, whose times are their numbers.
  private func run(_ batchCount: Int) throws -> ByteString {
    var writer = ByteWriter()
    for index in 0..<batchCount {
      var builder = BatchBuilder(seed: 1)
      for row in 1...10 {
        let time = Int64(index * 10 + row)
        _ = try builder.append(LogEntry(message: ByteString("entry \(time)"), time: time))
      }
      let batch = builder.finish(compressor: Compressor())
      writer.append(batch.numbered(firstSequence: UInt64(index * 10 + 1), received: 1_000, seed: 0).bytes)
    }
    return writer.finish()
  }

  private func pieces(_ run: ByteString, _ range: ClosedRange<UInt64>, byteCountMax: Int) throws -> [BatchCut.Piece] {
    var pieces: [BatchCut.Piece] = []
    var offset = 0
    var from = range.lowerBound
    while from <= range.upperBound,
      let piece = try BatchCut.next(of: run, at: &offset, from: from, to: range.upperBound, byteCountMax: byteCountMax)
    {
      pieces.append(piece)
      from = piece.to + 1
    }
    return pieces
  }

  @Test func `a piece holds exactly the batches of its range`() throws {
    let run = try run(5)
    let pieces = try pieces(run, 15...34, byteCountMax: .max)
    #expect(pieces.map { $0.from...$0.to } == [15...34])
    #expect(try Batch.run(pieces[0].batches).map(\.header.firstSequence) == [11, 21, 31])
  }

  @Test func `pieces are cut by size and continue each other`() throws {
    let run = try run(5)
    let pieces = try pieces(run, 3...50, byteCountMax: 1)
    #expect(pieces.map { $0.from...$0.to } == [3...10, 11...20, 21...30, 31...40, 41...50])
    let two = run.count / 5 * 2 + 8
    #expect(try self.pieces(run, 1...50, byteCountMax: two).count == 3)
  }

  @Test func `a range outside the run has no pieces`() throws {
    #expect(try pieces(try run(2), 21...30, byteCountMax: .max).isEmpty)
  }

  @Test func `a cut by time is before the first later entry`() throws {
    let run = try run(3)
    var decoder = BatchDecoder()
    func last(_ from: UInt64, _ to: UInt64, _ time: Int64) throws -> (to: UInt64?, isCut: Bool) {
      try BatchCut.last(of: Run(1...30, run), from: from, to: to, notAfter: time, decoder: &decoder)
    }
    #expect(try last(1, 30, 17) == (17, true))
    #expect(try last(1, 30, 30) == (30, false))
    #expect(try last(1, 12, 17) == (12, false))
    #expect(try last(18, 30, 17) == (nil, true))
  }
}
