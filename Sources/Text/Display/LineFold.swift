/// Lays out escaped text below the column in which it begins. Newlines in it are line breaks, SGR sequences take no
/// column, tabs count to the next multiple of 8.
struct LineFold {
  /// Where the text begins.
  let column: Int
  /// The terminal's columns; nil to keep long lines whole.
  let columnCount: Int?

  /// Where further lines begin: below the text, unless that leaves less than half of the screen.
  private let indent: Int
  private var position: Int

  init(column: Int, screen: Int, wraps: Bool) {
    self.column = column
    columnCount = wraps ? screen : nil
    indent = column <= screen / 2 ? column : 4
    position = column
  }

  mutating func append(_ text: [UInt8], to output: inout [UInt8]) {
    var wordStart = 0
    while wordStart < text.count {
      if text[wordStart] == UInt8(ascii: "\n") {
        breakLine(&output)
        wordStart += 1
        continue
      }
      let wordEnd = Self.wordEnd(text, from: wordStart)
      let width = DisplayWidth.ofStyled(text[wordStart..<wordEnd], from: position)
      if let columnCount, position + width > columnCount, position > indent {
        // Spaces that do not fit are not shown; what follows them, if anything does, finds the line full.
        if text[wordStart] == UInt8(ascii: " ") {
          position = columnCount
          wordStart = wordEnd
          continue
        }
        breakLine(&output)
      }
      appendWord(text[wordStart..<wordEnd], to: &output)
      wordStart = wordEnd
    }
  }

  /// A word, or a run of spaces, ends before a character of the other kind.
  private static func wordEnd(_ text: [UInt8], from start: Int) -> Int {
    let isSpace = text[start] == UInt8(ascii: " ")
    var end = start + 1
    while end < text.count, text[end] != UInt8(ascii: "\n"), (text[end] == UInt8(ascii: " ")) == isSpace { end += 1 }
    return end
  }

  /// Breaks a word only if it is longer than a line.
  private mutating func appendWord(_ word: ArraySlice<UInt8>, to output: inout [UInt8]) {
    var start = word.startIndex
    while start < word.endIndex {
      let end = DisplayWidth.unitEnd(word, from: start)
      let width = DisplayWidth.ofStyled(word[start..<end], from: position)
      if let columnCount, position + width > columnCount, position > indent { breakLine(&output) }
      output.append(contentsOf: word[start..<end])
      position += width
      start = end
    }
  }

  private mutating func breakLine(_ output: inout [UInt8]) {
    while output.last == UInt8(ascii: " ") { output.removeLast() }
    output.append(UInt8(ascii: "\n"))
    output.append(spaces: indent)
    position = indent
  }
}

extension DisplayWidth {
  /// The columns of text with SGR sequences, which take none, and tabs.
  ///
  /// - Parameter column: where it begins.
  static func ofStyled(_ text: ArraySlice<UInt8>, from column: Int) -> Int {
    var position = column
    var start = text.startIndex
    while start < text.endIndex {
      let end = unitEnd(text, from: start)
      switch text[start] {
      case 0x1b: break
      case 0x09: position += 8 - position % 8
      default: position += of(text[start..<end])
      }
      start = end
    }
    return position - column
  }

  /// The end of the character, or of the escape sequence, that begins at `start`.
  static func unitEnd(_ text: ArraySlice<UInt8>, from start: Int) -> Int {
    var end = start + 1
    if text[start] == 0x1b {
      while end < text.endIndex, text[end - 1] != UInt8(ascii: "m") { end += 1 }
    } else if text[start] >= 0xc0 {
      while end < text.endIndex, text[end] & 0xc0 == 0x80 { end += 1 }
    }
    return end
  }
}
