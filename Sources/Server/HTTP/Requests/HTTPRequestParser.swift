internal import LogsWire

/// Cuts HTTP/1.x requests (RFC 9112) out of bytes as they come.
///
/// Stricter than most: whatever two programs could read in two ways is refused, so that no proxy in front of the server
/// takes a part of one request for another one.
struct HTTPRequestParser {
  enum Event: Hashable {
    case head(HTTPRequest)
    /// The body of the request before, all of it; empty if it has none.
    case body([UInt8])
    /// The last one: what follows cannot be read.
    case refused(HTTPProblem)
  }

  private enum Stage {
    case requestLine
    case headers(HTTPRequest)
    case body(byteCount: Int)
    case chunkSize
    case chunk(byteCount: Int)
    case chunkEnd
    case trailers
    /// With the request whose head could not be read.
    case failed(HTTPRequest?)
  }

  private var stage = Stage.requestLine
  private var input: [UInt8] = []
  /// What has been taken of it, and what is known to hold no end of a line.
  private var offset = 0
  private var scanned = 0
  /// Of headers or trailers.
  private var byteCount = 0
  private var trailerCount = 0
  private var hasSkippedEmptyLine = false
  private var body: [UInt8] = []

  mutating func append(_ bytes: RawSpan) {
    if case .failed = stage { return }
    unsafe bytes.withUnsafeBytes { unsafe input.append(contentsOf: $0) }
  }

  /// How many bytes have not been taken yet.
  var heldByteCount: Int { input.count - offset }

  enum Match {
    case none
    case beginning
    case whole
  }

  /// Whether what has not been taken begins with `text`, or may once there is more.
  func matches(_ text: [UInt8]) -> Match {
    let held = input[offset...]
    if held.starts(with: text) { return .whole }
    return !held.isEmpty && text.starts(with: held) ? .beginning : .none
  }

  /// Takes what is behind the last request: it belongs to another protocol.
  mutating func takeRest() -> [UInt8] {
    let rest = Array(input[offset...])
    (input, offset, scanned) = ([], 0, 0)
    return rest
  }

  /// Whether a request has begun and is not complete.
  var isInsideRequest: Bool {
    switch stage {
    case .requestLine: heldByteCount > 0
    case .failed: false
    default: true
    }
  }

  /// The request whose head is being read, or could not be, as far as it has come.
  var request: HTTPRequest? {
    switch stage {
    case .headers(let request): request
    case .failed(let request): request
    case .requestLine, .body, .chunkSize, .chunk, .chunkEnd, .trailers: nil
    }
  }

  /// What comes next; nil until there are more bytes.
  mutating func next() -> Event? {
    do throws(HTTPProblem) {
      while true {
        switch stage {
        case .requestLine:
          guard let line = try line(atMost: HTTPLimits.lineByteCountMax, status: 414) else { return nil }
          // Some clients send one behind a body.
          if line.isEmpty, !hasSkippedEmptyLine {
            hasSkippedEmptyLine = true
            continue
          }
          hasSkippedEmptyLine = false
          byteCount = 0
          stage = .headers(try Self.request(line))
        case .headers(var request):
          guard let line = try headerLine() else { return nil }
          if line.isEmpty {
            stage = try Self.bodyStage(request)
            return .head(request)
          }
          request.headers.append(try Self.header(line))
          guard request.headers.count <= HTTPLimits.headerCountMax else { throw Self.tooManyHeaders }
          stage = .headers(request)
        case .body(let count):
          take(count)
          guard body.count >= count else { return nil }
          return finish()
        case .chunkSize:
          guard let line = try line(atMost: HTTPLimits.chunkLineByteCountMax, status: 400) else { return nil }
          let count = try Self.chunkByteCount(line)
          guard body.count + count <= HTTPLimits.bodyByteCountMax else { throw Self.tooLarge }
          (byteCount, trailerCount) = (0, 0)
          stage = count == 0 ? .trailers : .chunk(byteCount: body.count + count)
        case .chunk(let count):
          take(count)
          guard body.count >= count else { return nil }
          stage = .chunkEnd
        case .chunkEnd:
          guard let line = try line(atMost: 0, status: 400) else { return nil }
          guard line.isEmpty else { throw HTTPProblem(400, "a chunk does not end where its size says") }
          stage = .chunkSize
        case .trailers:
          guard let line = try headerLine() else { return nil }
          if line.isEmpty { return finish() }
          _ = try Self.header(line)
          trailerCount += 1
          guard trailerCount <= HTTPLimits.headerCountMax else { throw Self.tooManyHeaders }
        case .failed: return nil
        }
      }
    } catch {
      stage = .failed(request)
      input = []
      offset = 0
      return .refused(error)
    }
  }

  private mutating func finish() -> Event {
    stage = .requestLine
    defer { body = [] }
    return .body(body)
  }

  /// Moves bytes into the body until it has `count`.
  private mutating func take(_ count: Int) {
    let end = min(input.count, offset + count - body.count)
    body += input[offset..<end]
    advance(to: end)
  }

  private mutating func advance(to end: Int) {
    offset = end
    if offset == input.count {
      input.removeAll(keepingCapacity: input.count <= HTTPLimits.aheadByteCountMax)
      offset = 0
    } else if offset > HTTPLimits.aheadByteCountMax {
      input.removeSubrange(..<offset)
      offset = 0
    }
    scanned = offset
  }
}

// MARK: - Lines

extension HTTPRequestParser {
  /// The next line without its end; nil if it is not complete.
  private mutating func line(atMost limit: Int, status: Int) throws(HTTPProblem) -> ArraySlice<UInt8>? {
    guard let end = input[scanned...].firstIndex(of: Self.newline) else {
      scanned = input.count
      // A carriage return may be waiting for its newline.
      if input.count - offset > limit + 1 { throw Self.tooLong(limit, status) }
      return nil
    }
    guard end - offset <= limit + 1 else { throw Self.tooLong(limit, status) }
    guard end > offset, input[end - 1] == Self.carriageReturn else {
      throw HTTPProblem(400, "a line ends without a carriage return")
    }
    let line = input[offset..<end - 1]
    guard !line.contains(Self.carriageReturn) else { throw HTTPProblem(400, "a carriage return stands inside a line") }
    advance(to: end + 1)
    return line
  }

  /// A line of headers or trailers.
  private mutating func headerLine() throws(HTTPProblem) -> ArraySlice<UInt8>? {
    guard let line = try line(atMost: HTTPLimits.headersByteCountMax - byteCount, status: 431) else { return nil }
    byteCount = min(byteCount + line.count, HTTPLimits.headersByteCountMax)
    return line
  }

  private static func request(_ line: ArraySlice<UInt8>) throws(HTTPProblem) -> HTTPRequest {
    let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard words.count == 3, !words[0].isEmpty, words[0].allSatisfy(isToken) else {
      throw HTTPProblem(400, "the request line is not of the form 'METHOD /PATH HTTP/1.1'")
    }
    let version = String(decoding: words[2], as: UTF8.self)
    guard version == "HTTP/1.1" || version == "HTTP/1.0" else {
      guard version.hasPrefix("HTTP/") else { throw HTTPProblem(400, "the request line does not end with HTTP/1.1") }
      throw HTTPProblem(505, .unsupportedVersion, "this port speaks HTTP/1.1 and HTTP/1.0")
    }
    // The server is no proxy: a URL with a host, or `*`, is for others.
    guard words[1].first == UInt8(ascii: "/"), words[1].allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw HTTPProblem(400, "the request line has no path that begins with '/', written in ASCII")
    }
    return HTTPRequest(
      method: String(decoding: words[0], as: UTF8.self), target: String(decoding: words[1], as: UTF8.self),
      isVersion10: version == "HTTP/1.0")
  }

  private static func header(_ line: ArraySlice<UInt8>) throws(HTTPProblem) -> HTTPHeader {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw HTTPProblem(400, "a header has no colon") }
    let name = line[..<colon]
    // Also refuses spaces before the colon, and lines that continue the one before.
    guard !name.isEmpty, name.allSatisfy(isToken) else {
      throw HTTPProblem(400, "a header has a name with characters that none may have, or a space before its colon")
    }
    let value = line[(colon + 1)...]
    guard value.allSatisfy({ ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x09 }) else {
      throw HTTPProblem(400, "a header has a control character in its value")
    }
    return HTTPHeader(
      String(decoding: name, as: UTF8.self).lowercased(), String(decoding: value, as: UTF8.self).trimmed)
  }

  private static let newline = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")
  private static let tokenBytes = Set(
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)

  private static func isToken(_ byte: UInt8) -> Bool { tokenBytes.contains(byte) }

  private static func tooLong(_ limit: Int, _ status: Int) -> HTTPProblem {
    switch status {
    case 414: HTTPProblem(414, .frameTooLarge, "the request line has more than \(limit) bytes")
    case 431: tooManyHeaders
    default: HTTPProblem(400, "the line with the size of a chunk is too long, or a chunk does not end with it")
    }
  }

  static var longLine: HTTPProblem { tooLong(HTTPLimits.lineByteCountMax, 414) }

  static var tooManyHeaders: HTTPProblem {
    HTTPProblem(
      431, .frameTooLarge,
      "there are more than \(HTTPLimits.headerCountMax) headers or \(HTTPLimits.headersByteCountMax) bytes of them")
  }
}

// MARK: - Bodies

extension HTTPRequestParser {
  /// Decides how the body is framed.
  private static func bodyStage(_ request: HTTPRequest) throws(HTTPProblem) -> Stage {
    if let name = request.repeatedHeader { throw HTTPProblem(400, "the header \(name) comes twice") }
    if !request.isVersion10, request["host"] == nil { throw HTTPProblem(400, "the header host is missing") }
    let length = request["content-length"]
    if let coding = request["transfer-encoding"] {
      guard length == nil else {
        throw HTTPProblem(
          400, "content-length and transfer-encoding exclude each other: the body could end at two places")
      }
      guard !request.isVersion10 else { throw HTTPProblem(400, "HTTP/1.0 has no transfer-encoding") }
      guard coding.lowercased() == "chunked" else {
        throw HTTPProblem(501, .unsupported, "the only transfer-encoding that is known here is chunked")
      }
      return .chunkSize
    }
    guard let length else { return .body(byteCount: 0) }
    guard !length.isEmpty, length.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
      throw HTTPProblem(400, "content-length is no number")
    }
    guard let count = Int(length), count <= HTTPLimits.bodyByteCountMax else { throw tooLarge }
    return .body(byteCount: count)
  }

  private static func chunkByteCount(_ line: ArraySlice<UInt8>) throws(HTTPProblem) -> Int {
    // What follows a semicolon means nothing here.
    let digits = line.prefix { $0 != UInt8(ascii: ";") }
    guard line.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }), (1...16).contains(digits.count),
      digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit })
    else { throw HTTPProblem(400, "the size of a chunk is no hexadecimal number") }
    guard let count = Int(String(decoding: digits, as: UTF8.self), radix: 16), count <= HTTPLimits.bodyByteCountMax
    else { throw tooLarge }
    return count
  }

  static var tooLarge: HTTPProblem {
    HTTPProblem(
      413,
      Refusal(
        .frameTooLarge, "the body has more than \(HTTPLimits.bodyByteCountMax) bytes; send several requests",
        limit: .init("http-body", UInt64(HTTPLimits.bodyByteCountMax))))
  }
}
