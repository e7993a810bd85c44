internal import LogsWire

/// Where a browser gets a session for a token. It loads nothing, and runs nothing.
enum LoginPage {
  static func response(_ problem: HTTPProblem? = nil) -> HTTPResponse {
    let note = problem.map { "<p role=\"alert\">\(escaped($0.refusal.text))</p>\n" } ?? ""
    let page = """
      <!DOCTYPE html>
      <html lang="en">
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <meta name="color-scheme" content="light dark">
      <title>Log in to logs</title>
      <h1>Log in</h1>
      \(note)<form method="post" action="login">
      <p><label>Token <input type="password" name="token" required autofocus autocomplete="current-password"></label>
      <p><button>Log in</button>
      </form>
      </html>

      """
    var response = HTTPResponse("text/html; charset=utf-8", Array(page.utf8), status: problem?.status ?? 200)
    response.head.headers += [
      HTTPHeader(
        "Content-Security-Policy",
        "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"),
      // With no-referrer browsers would send a form without its origin.
      HTTPHeader("Referrer-Policy", "same-origin"),
    ]
    if problem?.status == 429 { response.head.headers += problem?.answerHeaders ?? [] }
    return response
  }

  private static func escaped(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
  }
}
