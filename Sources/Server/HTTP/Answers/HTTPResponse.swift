internal import LogsText
internal import LogsWire

/// The first part of an answer.
struct HTTPHead {
  var status = 200
  var headers: [HTTPHeader] = []

  init(_ status: Int, _ contentType: String, _ headers: [HTTPHeader] = []) {
    self.status = status
    self.headers = [HTTPHeader("Content-Type", contentType)] + headers
  }

  /// The answer to a request to change the protocol.
  init(upgrade: [HTTPHeader]) { (status, headers) = (101, upgrade) }

  /// With the headers that all answers have.
  ///
  /// - Parameter date: that of the answer.
  func complete(date: String) -> [HTTPHeader] {
    guard status != 101 else { return headers }
    var all = headers
    if !all.contains(where: { $0.name == "Cache-Control" }) { all.append(HTTPHeader("Cache-Control", "no-store")) }
    all.append(HTTPHeader("Date", date))
    all.append(HTTPHeader("X-Content-Type-Options", "nosniff"))
    return all
  }

  /// As HTTP/1 has it.
  ///
  /// - Parameters:
  ///   - date: that of the answer.
  ///   - isLast: whether the connection closes after the answer.
  func bytes(date: String, isLast: Bool) -> [UInt8] {
    var text = "HTTP/1.1 \(status) \(HTTPStatus.name(status))\r\n"
    for header in complete(date: date) { text += "\(header.name): \(header.value)\r\n" }
    if isLast { text += "Connection: close\r\n" }
    return Array("\(text)\r\n".utf8)
  }
}

/// An answer whose body is known.
struct HTTPResponse {
  var head: HTTPHead
  var body: [UInt8]

  init(_ contentType: String, _ body: [UInt8], status: Int = 200) {
    head = HTTPHead(status, contentType)
    self.body = body
  }

  init(_ text: String, contentType: String = "text/plain; charset=utf-8") { self.init(contentType, Array(text.utf8)) }

  init(_ problem: HTTPProblem) {
    var json = JSONWriter()
    problem.write(to: &json)
    json.newline()
    self.init("application/problem+json", json.bytes, status: problem.status)
    head.headers += problem.answerHeaders
  }

  /// Compressed, if the client takes that and it is worth it.
  func encoded(for request: HTTPRequest) -> HTTPResponse {
    guard body.count >= ContentCoding.byteCountMin else { return self }
    var response = self
    guard let coding = ContentCoding(accepted: request["accept-encoding"]) else {
      response.head.headers.append(ContentCoding.vary)
      return response
    }
    response.body = coding.encoder().encode(body, isLast: true)
    response.head.headers += coding.headers
    return response
  }

  /// The head, with the length of the body.
  var sizedHead: HTTPHead {
    var sized = head
    sized.headers.append(HTTPHeader("Content-Length", "\(body.count)"))
    return sized
  }

  /// As HTTP/1 has it.
  ///
  /// - Parameters:
  ///   - date: that of the answer.
  ///   - isLast: whether the connection closes after it.
  ///   - hasBody: whether the body is sent; the answer to HEAD only says how long it would be.
  func bytes(date: String, isLast: Bool, hasBody: Bool = true) -> [UInt8] {
    sizedHead.bytes(date: date, isLast: isLast) + (hasBody ? body : [])
  }
}
