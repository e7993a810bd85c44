internal import LogsText

/// An answer whose body is known.
struct HTTPResponse {
  var status = 200
  var headers: [HTTPHeader] = []
  var contentType: String
  var body: [UInt8]

  init(_ contentType: String, _ body: [UInt8]) {
    self.contentType = contentType
    self.body = body
  }

  init(_ text: String, contentType: String = "text/plain; charset=utf-8") { self.init(contentType, Array(text.utf8)) }

  init(_ problem: HTTPProblem) {
    var json = JSONWriter()
    problem.write(to: &json)
    json.newline()
    self.init("application/problem+json", json.bytes)
    status = problem.status
    headers = problem.answerHeaders
  }

  /// - Parameters:
  ///   - isLast: whether the connection closes after it.
  ///   - hasBody: whether the body is sent; the answer to HEAD only says how long it would be.
  func bytes(isLast: Bool, hasBody: Bool = true) -> [UInt8] {
    let length = HTTPHeader("Content-Length", "\(body.count)")
    return Self.head(status, contentType, [length] + headers, isLast: isLast) + (hasBody ? body : [])
  }

  static func head(_ status: Int, _ contentType: String, _ headers: [HTTPHeader], isLast: Bool) -> [UInt8] {
    var text = "HTTP/1.1 \(status) \(HTTPStatus.name(status))\r\nContent-Type: \(contentType)\r\n"
    var all = headers
    if !all.contains(where: { $0.name == "Cache-Control" }) { all.append(HTTPHeader("Cache-Control", "no-store")) }
    all.append(HTTPHeader("X-Content-Type-Options", "nosniff"))
    if isLast { all.append(HTTPHeader("Connection", "close")) }
    for header in all { text += "\(header.name): \(header.value)\r\n" }
    return Array("\(text)\r\n".utf8)
  }
}
