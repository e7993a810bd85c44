internal import CWebFiles
internal import LogsTransport
internal import LogsWire

/// A file of the viewer, built into the program: `Sources/Server/Web` has them.
struct WebFile {
  let name: String
  let bytes: [UInt8]
  /// Changes with the content, so that browsers ask for what they have once in each version.
  let tag: String

  /// By name.
  private static let all: [String: WebFile] = {
    let files = unsafe UnsafeBufferPointer(start: logs_web_file_list(), count: logs_web_file_count)
    var all: [String: WebFile] = [:]
    for index in 0..<files.count {
      let file = unsafe files[index]
      let bytes = unsafe Array(UnsafeBufferPointer(start: file.bytes, count: file.size))
      let name = unsafe String(cString: file.name)
      all[name] = WebFile(name, bytes)
    }
    return all
  }()

  private init(_ name: String, _ bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
    tag = "\"\(unsafe XXH3.hash(bytes.span.bytes).hexadecimal)\""
  }

  static func named(_ name: some StringProtocol) -> WebFile? { all[String(name)] }

  /// The page itself, which is the same at all its addresses.
  ///
  /// - Parameter basePath: what stands in front of all paths of the server.
  static func page(basePath: String) -> WebFile {
    guard let file = all["index.html"] else { preconditionFailure("the program was built without its page") }
    // A base path holds nothing that HTML would take for its own.
    let text = String(decoding: file.bytes, as: UTF8.self).replacing("{base}", with: basePath)
    return WebFile(file.name, Array(text.utf8))
  }

  private var contentType: String {
    switch name.split(separator: ".").last {
    case "html": "text/html; charset=utf-8"
    case "css": "text/css; charset=utf-8"
    case "svg": "image/svg+xml"
    default: "text/javascript; charset=utf-8"
    }
  }

  /// Nothing comes from elsewhere, and nothing in a log can become a script.
  private static let policy = """
    default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'
    """

  func response(to request: HTTPRequest) -> HTTPResponse {
    var response = HTTPResponse(contentType, bytes)
    if request["if-none-match"] == tag {
      response.head.status = 304
      response.body = []
    }
    response.head.headers += [
      HTTPHeader("Cache-Control", "no-cache"), HTTPHeader("ETag", tag),
      HTTPHeader("Content-Security-Policy", Self.policy), HTTPHeader("Referrer-Policy", "same-origin"),
      HTTPHeader("Cross-Origin-Opener-Policy", "same-origin"),
    ]
    return response
  }
}
