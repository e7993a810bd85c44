internal import LogsWire

/// Takes the log that an engine sends apart into lines, in pieces of any size and with bounded memory.
///
/// Without a terminal it comes in frames: a byte for the stream, three zeros, the length in four bytes, then a time, a
/// space and a line. A line of more than 16 KiB comes in several frames with the same time, only the last of which ends
/// with a newline. With a terminal there are no frames, lines end with `\r\n`, and the pieces of a long line follow one
/// another, each with its time in front.
///
/// An engine that was killed within a long line, or repeats itself where it rotates, may leave pieces without an end,
/// or send some of them twice: the line says so.
struct EngineLogDecoder {
  enum Stream: UInt8, CaseIterable {
    case output = 1
    case errors = 2
  }

  struct Line: Equatable {
    var stream: Stream
    /// The beginning, if it is too long for a message.
    var bytes: ByteString
    var byteCount: Int
    /// 0 if the engine sent none.
    var time: Int64
    /// Whether its end did not come before the next line. Behind a last piece of less than `pieceByteCount` nothing is
    /// missing but the newline, which the driver `local` of Docker 20.10 does not have there.
    var isCut = false
    /// Whether two of its pieces are the same.
    var repeatsPiece = false
  }

  static let lineByteCountMax = Limits.messageByteCountMax
  /// How long the pieces are in which an engine stores a line.
  static let pieceByteCount = 16 << 10
  /// More than any time and the space behind it.
  private static let timeByteCountMax = 64
  /// How much of a frame, or of a terminal's line with the times between its pieces, is kept.
  private static let keptByteCountMax = lineByteCountMax + (lineByteCountMax / pieceByteCount + 1) * timeByteCountMax
  private static let keptCapacity = 32 << 10

  /// A line whose end has not come.
  private struct Rest {
    var time: Int64
    private var bytes: [UInt8] = []
    private var byteCount = 0
    /// Of the pieces that are kept.
    private var hashes: Set<UInt64> = []
    private var repeatsPiece = false
    private var isLastFull = false

    init(time: Int64) { self.time = time }

    mutating func append(_ piece: ArraySlice<UInt8>, _ pieceByteCount: Int) {
      if bytes.count < EngineLogDecoder.lineByteCountMax {
        let hash = ShippedLines.hash(ByteString([UInt8](piece)), byteCount: pieceByteCount)
        if !hashes.insert(hash).inserted { repeatsPiece = true }
      }
      bytes += piece.prefix(EngineLogDecoder.lineByteCountMax - bytes.count)
      byteCount += pieceByteCount
      isLastFull = pieceByteCount == EngineLogDecoder.pieceByteCount
    }

    /// - Parameter isOver: whether its end can come no more.
    func line(_ stream: Stream, isOver: Bool) -> Line {
      Line(
        stream: stream, bytes: ByteString(bytes), byteCount: byteCount, time: time, isCut: isOver && isLastFull,
        repeatsPiece: repeatsPiece)
    }
  }

  private let isTerminal: Bool
  private var header: [UInt8] = []
  /// What is still to come of the current frame.
  private var frameLeft = 0
  private var frameStream: UInt8 = 0
  /// The current frame, or the current line of a terminal, as far as it has come and is kept.
  private var kept: [UInt8] = []
  private var keptByteCount = 0
  private var output: Rest?
  private var errors: Rest?

  init(isTerminal: Bool) { self.isTerminal = isTerminal }

  /// - Throws: if these are no frames, or the engine reports an error in one.
  mutating func take(_ bytes: ArraySlice<UInt8>, _ emit: (Line) -> Void) throws(DockerFailure) {
    if isTerminal { takeTerminal(bytes, emit) } else { try takeFrames(bytes, emit) }
  }

  /// The log has ended, and with it lines without an end.
  mutating func finish(_ emit: (Line) -> Void) {
    if isTerminal, keptByteCount > 0 {
      takeTerminalLine(kept[...], keptByteCount, emit)
      clearKept()
    }
    flush(.output, isOver: false, emit)
    flush(.errors, isOver: false, emit)
  }

  // MARK: Frames

  private mutating func takeFrames(_ bytes: ArraySlice<UInt8>, _ emit: (Line) -> Void) throws(DockerFailure) {
    var rest = bytes
    while !rest.isEmpty {
      if frameLeft == 0 {
        let part = rest.prefix(8 - header.count)
        header += part
        rest = rest.dropFirst(part.count)
        guard header.count == 8 else { return }
        guard header[0] <= 3, header[1] == 0, header[2] == 0, header[3] == 0 else {
          throw DockerFailure("the engine's log is not in frames")
        }
        frameStream = header[0]
        frameLeft = header[4...].reduce(0) { $0 << 8 | Int($1) }
        header.removeAll(keepingCapacity: true)
        continue
      }
      let part = rest.prefix(frameLeft)
      rest = rest.dropFirst(part.count)
      frameLeft -= part.count
      if frameLeft == 0, keptByteCount == 0 {
        try takeFrame(part, part.count, emit)
      } else {
        keep(part)
        if frameLeft == 0 {
          let frame = kept
          let byteCount = keptByteCount
          clearKept()
          try takeFrame(frame[...], byteCount, emit)
        }
      }
    }
  }

  private mutating func keep(_ part: ArraySlice<UInt8>) {
    kept += part.prefix(Self.keptByteCountMax - kept.count)
    keptByteCount += part.count
  }

  private mutating func clearKept() {
    kept.removeAll(keepingCapacity: kept.count < Self.keptCapacity)
    keptByteCount = 0
  }

  /// - Parameters:
  ///   - frame: the frame, or the beginning of a long one.
  ///   - byteCount: the length of all of it.
  private mutating func takeFrame(
    _ frame: ArraySlice<UInt8>, _ byteCount: Int, _ emit: (Line) -> Void
  ) throws(DockerFailure) {
    guard let stream = Stream(rawValue: frameStream == 0 ? 1 : frameStream) else {
      throw DockerFailure("the engine reports: \(ByteString([UInt8](frame.prefix(1024))).text)")
    }
    var (time, text) = Self.split(frame)
    var textByteCount = byteCount - (frame.count - text.count)
    // Of a frame that is not kept whole nobody knows how it ended.
    let isEnd = byteCount > frame.count || text.last == UInt8(ascii: "\n")
    if isEnd, byteCount == frame.count {
      text = text.dropLast()
      textByteCount -= 1
    }
    let waiting = stream == .output ? output : errors
    if let waiting, waiting.time != time { flush(stream, isOver: true, emit) }
    if isEnd, self[stream] == nil {
      let kept = text.prefix(Self.lineByteCountMax)
      emit(Line(stream: stream, bytes: ByteString([UInt8](kept)), byteCount: textByteCount, time: time))
      return
    }
    append(text, textByteCount, time, stream)
    if isEnd { flush(stream, isOver: false, emit) }
  }

  private subscript(stream: Stream) -> Rest? { stream == .output ? output : errors }

  private mutating func append(_ text: ArraySlice<UInt8>, _ byteCount: Int, _ time: Int64, _ stream: Stream) {
    switch stream {
    case .output:
      if output == nil { output = Rest(time: time) }
      output?.append(text, byteCount)
    case .errors:
      if errors == nil { errors = Rest(time: time) }
      errors?.append(text, byteCount)
    }
  }

  private mutating func flush(_ stream: Stream, isOver: Bool, _ emit: (Line) -> Void) {
    guard let rest = self[stream] else { return }
    if stream == .output { output = nil } else { errors = nil }
    emit(rest.line(stream, isOver: isOver))
  }

  /// The time in front of a line, and the line.
  private static func split(_ text: ArraySlice<UInt8>) -> (time: Int64, text: ArraySlice<UInt8>) {
    guard let time = EngineTime.parse(text) else { return (0, text) }
    let rest = text.dropFirst(time.byteCount)
    // An empty line may have no space.
    return (time.nanoseconds, rest.first == UInt8(ascii: " ") ? rest.dropFirst() : rest)
  }

  // MARK: Terminals

  private mutating func takeTerminal(_ bytes: ArraySlice<UInt8>, _ emit: (Line) -> Void) {
    var rest = bytes
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      if keptByteCount == 0 {
        takeTerminalLine(rest[..<end], end - rest.startIndex, emit)
      } else {
        keep(rest[..<end])
        takeTerminalLine(kept[...], keptByteCount, emit)
        clearKept()
      }
      rest = rest[(end + 1)...]
    }
    if !rest.isEmpty { keep(rest) }
  }

  private func takeTerminalLine(_ line: ArraySlice<UInt8>, _ byteCount: Int, _ emit: (Line) -> Void) {
    let isWhole = byteCount == line.count
    var left = line
    var leftByteCount = byteCount
    var open: Rest?
    while true {
      var (time, text) = Self.split(left)
      leftByteCount -= left.count - text.count
      if let waiting = open, waiting.time != time {
        emit(waiting.line(.output, isOver: true))
        open = nil
      }
      // A time stands before each piece, the same one before those of one line.
      let next = text.dropFirst(Self.pieceByteCount)
      if time != 0, !next.isEmpty, Self.split(next).time != 0 {
        open = open ?? Rest(time: time)
        open?.append(text.prefix(Self.pieceByteCount), Self.pieceByteCount)
        left = next
        leftByteCount -= Self.pieceByteCount
        continue
      }
      if isWhole, text.last == UInt8(ascii: "\r") {
        text = text.dropLast()
        leftByteCount -= 1
      }
      guard var rest = open else {
        let kept = [UInt8](text.prefix(Self.lineByteCountMax))
        return emit(Line(stream: .output, bytes: ByteString(kept), byteCount: leftByteCount, time: time))
      }
      rest.append(text, leftByteCount)
      return emit(rest.line(.output, isOver: false))
    }
  }
}
