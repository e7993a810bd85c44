import Foundation
import Glibc

/// A client of the HTTP door that sends exactly what a test wants.
final class HTTPPeer {
  struct Answer {
    let status: Int
    /// Names in lower case.
    let headers: [String: String]
    var body: [UInt8] = []

    var text: String { String(decoding: body, as: UTF8.self) }
    var lines: [String] { text.split(separator: "\n").map(String.init) }
  }

  private let descriptor: Int32
  private var input: [UInt8] = []

  convenience init(_ server: TestServer) throws {
    let url = try server.httpURL()
    if url.hasPrefix("http+unix://") {
      try self.init(unix: String(url.dropFirst("http+unix://".count)))
    } else {
      guard let port = UInt16(url.split(separator: ":").last ?? "") else { throw Failure("no port in \(url)") }
      try self.init(adopting: try Sockets.connect(port: port))
    }
  }

  convenience init(unix path: String) throws { try self.init(adopting: try Sockets.connect(unix: path)) }

  private init(adopting descriptor: Int32) throws {
    self.descriptor = descriptor
    var patience = timeval(tv_sec: Int(Environment.patience.components.seconds), tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
      throw Failure.errno("send")
    }
  }

  /// Sends a request and waits for its answer.
  func ask(
    _ method: String, _ target: String, _ headers: [String] = [], host: String = "localhost", body: String? = nil
  ) throws -> Answer {
    let length = body.map { ["Content-Length: \($0.utf8.count)"] } ?? []
    let lines = ["\(method) \(target) HTTP/1.1", "Host: \(host)"] + headers + length
    try send(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
    return try answer(hasBody: method != "HEAD")
  }

  func get(_ target: String, _ headers: [String] = []) throws -> Answer { try ask("GET", target, headers) }

  func answer(hasBody: Bool = true) throws -> Answer {
    var answer = try head()
    guard hasBody, answer.status != 100 else { return answer }
    if answer.headers["transfer-encoding"] == "chunked" {
      while let piece = try chunk() { answer.body += piece }
    } else if let count = Int(answer.headers["content-length"] ?? "") {
      answer.body = try take(count)
    } else {
      while receive() {}
      answer.body = input
      input = []
    }
    return answer
  }

  /// The answer without its body, which `chunk` reads.
  func head() throws -> Answer {
    let status = try line().split(separator: " ")
    guard status.count > 1, let code = Int(status[1]) else { throw Failure("no status in \(status)") }
    var headers: [String: String] = [:]
    while case let line = try line(), !line.isEmpty {
      let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
      headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
    }
    return Answer(status: code, headers: headers)
  }

  /// nil for the last one.
  func chunk() throws -> [UInt8]? {
    guard let count = Int(try line(), radix: 16) else { throw Failure("no size of a chunk") }
    let bytes = try take(count)
    guard try line().isEmpty else { throw Failure("a chunk does not end") }
    return count == 0 ? nil : bytes
  }

  /// Whether the server has closed, and sent nothing more.
  func hasEnded() -> Bool { input.isEmpty && !receive() }

  /// What has come; nil once the server has closed.
  func bytes() -> [UInt8]? {
    guard !input.isEmpty || receive() else { return nil }
    defer { input = [] }
    return input
  }

  private func line() throws -> String {
    while true {
      if let end = input.firstRange(of: [13, 10]) {
        defer { input.removeSubrange(..<end.upperBound) }
        return String(decoding: input[..<end.lowerBound], as: UTF8.self)
      }
      guard receive() else { throw Failure("the server has closed: \(Sample(input))") }
    }
  }

  private func take(_ count: Int) throws -> [UInt8] {
    while input.count < count { guard receive() else { throw Failure("the server has closed inside a body") } }
    defer { input.removeSubrange(..<count) }
    return Array(input[..<count])
  }

  private func receive() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count > 0 else { return false }
    input += buffer[..<count]
    return true
  }
}

extension TestServer {
  /// Where its HTTP door is, if it has `--listen-http`.
  func httpURL() throws -> String {
    try process.output.waitForText("ready http")
    let lines = process.output.lines
    guard let line = lines.first(where: { $0.hasPrefix("ready http") }) else { throw Failure("no door: \(lines)") }
    return String(line.dropFirst("ready ".count))
  }

  static let listensForHTTP = ["--listen-http", "127.0.0.1:0"]
}
