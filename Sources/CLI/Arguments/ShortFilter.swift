/// Short forms of filters, which commands take as flags, written in the language of filters.
struct ShortFilter {
  /// A flag and the filter that it stands for.
  struct Part: Hashable {
    let flag: String
    let text: String
  }

  var level: String?
  var patterns: [String] = []
  var exclusions: [String] = []
  var sources: [String] = []
  var ignoresCase = false
  /// How the flags were written.
  var levelFlag = "--level"
  var patternFlag = "-g"
  var exclusionFlag = "-v"

  /// The filters, each of which an entry has to pass.
  func parts() throws(CommandError) -> [Part] {
    var parts: [Part] = []
    if let level { parts.append(Part(flag: levelFlag, text: try self.level(level))) }
    if !sources.isEmpty {
      var texts: [String] = []
      for source in sources { texts.append(try Self.source(source)) }
      parts.append(Part(flag: "--source", text: texts.joined(separator: " OR ")))
    }
    if !patterns.isEmpty {
      var texts: [String] = []
      for pattern in patterns { texts.append(try regex(pattern, flag: patternFlag)) }
      parts.append(Part(flag: patternFlag, text: texts.joined(separator: " OR ")))
    }
    for exclusion in exclusions {
      parts.append(Part(flag: exclusionFlag, text: "-\(try regex(exclusion, flag: exclusionFlag))"))
    }
    return parts
  }

  /// The names of levels that are suggested.
  static let levels = ["trace", "debug", "info", "notice", "warn", "error", "critical", "fatal"]

  private func level(_ level: String) throws(CommandError) -> String {
    let isPlain = level.utf8.allSatisfy { byte in
      UInt8(ascii: ".") == byte || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
    guard isPlain, !level.isEmpty else {
      throw .usage("\(levelFlag) takes a level like warn, or a range like info..warn, not '\(level)'")
    }
    return level.contains("..") ? "level:\(level)" : "level>=\(level)"
  }

  private static func source(_ source: String) throws(CommandError) -> String {
    if !source.contains("*") { return "source:\(quoted(source))" }
    let isPlain = source.unicodeScalars.allSatisfy { scalar in
      scalar == "*" || scalar == "_" || scalar == "-" || scalar == "." || scalar == "/" || scalar == ":"
        || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }
    guard isPlain, !source.hasPrefix("/"), !source.contains("..") else {
      throw .usage("--source takes * only among letters, digits and _ - . / :; write --filter 'source~/PATTERN/'")
    }
    return "source:\(source)"
  }

  /// Text as the language has it in quotation marks.
  static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += #"\""#
      case "\\": quoted += #"\\"#
      case "\n": quoted += #"\n"#
      case "\r": quoted += #"\r"#
      case "\t": quoted += #"\t"#
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  /// A regular expression between slashes. What would end it, and what a filter may not contain, is escaped.
  private func regex(_ pattern: String, flag: String) throws(CommandError) -> String {
    if pattern.isEmpty { throw .usage("\(flag) needs a pattern, not an empty one") }
    var writer = RegexWriter()
    for scalar in pattern.unicodeScalars { writer.append(scalar) }
    guard !writer.isEscaping else {
      throw .usage("\(flag): the pattern ends with a single \\; write \\\\ for the character")
    }
    return "/\(writer.text)/\(ignoresCase || !writer.hasCapital ? "i" : "")"
  }
}

/// Writes a pattern such that it can stand between slashes.
private struct RegexWriter {
  private(set) var text = ""
  /// Whether a letter that stands for itself is a capital, or a class asks for one case.
  private(set) var hasCapital = false
  /// Whether the last character was a `\` that belongs to the next one.
  private(set) var isEscaping = false
  /// Between `\Q` and `\E`, where all but `\E` stands for itself.
  private var isQuoting = false
  /// In the braces behind an escaped letter, as in `\p{Lu}`.
  private var isInName = false
  private var mayBeginName = false
  /// Behind `\p` or `\P`, whose name may be one letter without braces.
  private var isAtProperty = false
  /// What was not escaped, since the last escape.
  private var plain = ""

  /// Names of classes that letters of one case have.
  private static let casedClasses = ["[:upper:]", "[:^upper:]", "[:lower:]", "[:^lower:]"]
  private static let casedProperties = ["{Lu}", "{^Lu}", "{Ll}", "{^Ll}", "{Lt}", "{^Lt}"]

  mutating func append(_ scalar: Unicode.Scalar) {
    let (mayBeginName, isAtProperty) = (mayBeginName, isAtProperty)
    (self.mayBeginName, self.isAtProperty) = (false, false)
    if isEscaping { return appendEscaped(scalar) }
    if scalar == "\\" {
      isEscaping = true
      plain = ""
      return
    }
    plain.unicodeScalars.append(scalar)
    if scalar == "]", Self.casedClasses.contains(where: plain.hasSuffix) { hasCapital = true }
    if scalar == "}", isInName, Self.casedProperties.contains(plain) { hasCapital = true }
    if scalar == "{", mayBeginName { isInName = true }
    if scalar == "}" { isInName = false }
    if scalar.properties.isUppercase, !isInName, !isAtProperty { hasCapital = true }
    write(scalar)
  }

  private mutating func appendEscaped(_ scalar: Unicode.Scalar) {
    isEscaping = false
    if isQuoting {
      if scalar == "E" {
        isQuoting = false
        text += #"\E"#
      } else if scalar == "\\" {
        text += #"\"#
        isEscaping = true
      } else {
        text += #"\"#
        append(scalar)
      }
      return
    }
    if scalar == "Q" { isQuoting = true }
    if Self.plain(scalar) == nil { text += #"\"# }
    if let plain = Self.plain(scalar) { text += plain } else { text.unicodeScalars.append(scalar) }
    mayBeginName = true
    isAtProperty = scalar == "p" || scalar == "P"
  }

  private mutating func write(_ scalar: Unicode.Scalar) {
    guard let plain = Self.plain(scalar) else { return text.unicodeScalars.append(scalar) }
    text += isQuoting ? #"\E\#(plain)\Q"# : plain
  }

  /// How a character is written that must not stand there by itself; nil for others.
  private static func plain(_ scalar: Unicode.Scalar) -> String? {
    switch scalar.value {
    case 0x2f: #"\/"#
    case 0x09: nil
    case 0..<0x20, 0x7f..<0xa0: #"\x{\#(String(scalar.value, radix: 16))}"#
    default: nil
    }
  }
}
