/// Text for a screen of 80 columns.
package enum TextTable {
  package static let columnCount = 80
  /// Where the second column begins at the latest: a longer first one has a line of its own.
  private static let secondColumn = 26

  /// Rows of two columns, the second one in several lines where it is long.
  package static func rows(_ rows: [(String, String)]) -> String {
    let longest = rows.map(\.0.count).filter { $0 + 4 <= secondColumn }.max() ?? 0
    let indent = longest + 4
    return rows.map { name, text in
      var lines = wrapped(text, columnCount - indent)
      let first = name.count <= longest ? lines.removeFirst() : nil
      let begin = "  \(name)" + (first.map { String(repeating: " ", count: indent - 2 - name.count) + $0 } ?? "")
      return ([begin] + lines.map { String(repeating: " ", count: indent) + $0 }).joined(separator: "\n")
    }.joined(separator: "\n")
  }

  /// Paragraphs with lines as long as fit. Lines that are indented stay as they are.
  package static func filled(_ text: String) -> String {
    var lines: [String] = []
    var paragraph: [String] = []
    func end() {
      if !paragraph.isEmpty { lines += wrapped(paragraph.joined(separator: " "), columnCount) }
      paragraph = []
    }
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.isEmpty || line.hasPrefix(" ") {
        end()
        lines.append(String(line))
      } else {
        paragraph.append(String(line))
      }
    }
    end()
    return lines.joined(separator: "\n")
  }

  private static func wrapped(_ text: String, _ width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
      if line.isEmpty {
        line = String(word)
      } else if line.count + 1 + word.count <= width {
        line += " \(word)"
      } else {
        lines.append(line)
        line = String(word)
      }
    }
    return lines + [line]
  }
}
