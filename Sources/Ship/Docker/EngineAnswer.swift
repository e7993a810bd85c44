/// Reads an answer of an engine, HTTP/1.1, in pieces of any size and with bounded memory.
struct EngineAnswer {
  enum Piece: Equatable {
    case status(Int)
    case body(ArraySlice<UInt8>)
    /// The answer is complete.
    case end
  }

  static let headByteCountMax = 64 << 10
  private static let chunkLineByteCountMax = 1 << 10

  private enum State {
    case head
    case length(UInt64)
    case chunkSize
    case chunk(UInt64)
    /// The line break behind a chunk.
    case chunkEnd
    case trailer
    case untilClose
    case ended
  }

  private var state = State.head
  /// The current line of the head, a chunk's size or the trailer, without its line break.
  private var line: [UInt8] = []
  private var headByteCount = 0
  private var status: Int?
  private var bodyByteCount: UInt64?
  private var isChunked = false
  /// What answers, such as `Docker/20.10.24 (linux)`; empty if it does not say.
  private(set) var server = ""

  /// - Throws: if it is no HTTP.
  mutating func take(_ bytes: [UInt8], _ emit: (Piece) -> Void) throws(DockerFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      switch state {
      case .head, .chunkSize, .chunkEnd, .trailer:
        guard try takeLine(&rest) else { return }
        let text = String(decoding: line, as: UTF8.self)
        line.removeAll(keepingCapacity: true)
        try lineEnded(text, emit)
      case .length(let count), .chunk(let count):
        let piece = rest.prefix(Int(clamping: count))
        rest = rest.dropFirst(piece.count)
        emit(.body(piece))
        let left = count - UInt64(piece.count)
        if case .chunk = state {
          state = left == 0 ? .chunkEnd : .chunk(left)
        } else {
          state = .length(left)
          if left == 0 { end(emit) }
        }
      case .untilClose:
        emit(.body(rest))
        return
      case .ended: return
      }
    }
  }

  /// The engine has closed the connection.
  ///
  /// - Returns: whether the answer was complete.
  mutating func close(_ emit: (Piece) -> Void) -> Bool {
    if case .untilClose = state { end(emit) }
    if case .ended = state { return true }
    return false
  }

  private mutating func end(_ emit: (Piece) -> Void) {
    state = .ended
    emit(.end)
  }

  /// - Returns: whether the line has ended.
  private mutating func takeLine(_ rest: inout ArraySlice<UInt8>) throws(DockerFailure) -> Bool {
    let end = rest.firstIndex(of: UInt8(ascii: "\n"))
    let part = rest[..<(end ?? rest.endIndex)]
    headByteCount += part.count + 1
    guard headByteCount <= Self.headByteCountMax, line.count + part.count <= Self.headByteCountMax else {
      throw DockerFailure("the engine's answer has a head of more than \(Self.headByteCountMax) bytes")
    }
    line += part
    guard let end else {
      rest = []
      return false
    }
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    rest = rest[(end + 1)...]
    return true
  }

  private mutating func lineEnded(_ text: String, _ emit: (Piece) -> Void) throws(DockerFailure) {
    switch state {
    case .head: try headLineEnded(text, emit)
    case .chunkEnd:
      guard text.isEmpty else { throw DockerFailure("the engine's answer has a chunk of the wrong length") }
      headByteCount = 0
      state = .chunkSize
    case .chunkSize:
      headByteCount = 0
      let digits = text.prefix { $0 != ";" && $0 != " " }
      guard let size = UInt64(digits, radix: 16), size < UInt64(Int64.max) else {
        throw DockerFailure("the engine's answer has a chunk without a size")
      }
      state = size == 0 ? .trailer : .chunk(size)
    case .trailer: if text.isEmpty { end(emit) }
    case .length, .chunk, .untilClose, .ended: break
    }
  }

  private mutating func headLineEnded(_ text: String, _ emit: (Piece) -> Void) throws(DockerFailure) {
    guard let known = status else {
      let words = text.split(separator: " ", maxSplits: 2)
      guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let number = Int(words[1]), (100..<600).contains(number)
      else { throw DockerFailure("what answers there speaks no HTTP; check the address of the engine") }
      status = number
      return
    }
    guard text.isEmpty else {
      guard let colon = text.firstIndex(of: ":") else { return }
      let value = text[text.index(after: colon)...].drop { $0 == " " }
      switch text[..<colon].lowercased() {
      case "content-length": bodyByteCount = UInt64(value)
      case "server": server = String(value)
      case "transfer-encoding": isChunked = value.lowercased().hasSuffix("chunked")
      default: break
      }
      return
    }
    headByteCount = 0
    // An interim answer; the real one follows.
    guard known >= 200 else {
      status = nil
      return
    }
    emit(.status(known))
    if isChunked {
      state = .chunkSize
    } else if known == 204 || known == 304 || bodyByteCount == 0 {
      end(emit)
    } else {
      state = bodyByteCount.map { .length($0) } ?? .untilClose
    }
  }
}
