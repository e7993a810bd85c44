internal import LogsText

/// A configuration of `logs ship`: settings in front of the first section are the shipper's, each section is a source.
///
///     state = /var/lib/logs-ship
///     [files app]
///     path = /var/log/app/*.log
///
/// A line that begins with `#` is a comment. Elsewhere a `#` is part of an expression or text, and refused in other
/// values.
package struct ShipFile: Sendable {
  package struct Setting: Sendable {
    package let name: String
    package let value: String
    /// Where it is said: file and line, or the flag.
    package let origin: String

    package init(_ name: String, _ value: String, origin: String) {
      self.name = name
      self.value = value
      self.origin = origin
    }
  }

  package struct Section: Sendable {
    package let kind: String
    package let name: String
    package let origin: String
    package var settings: [Setting] = []
    /// Whether a line of it is no setting.
    var hasBadLines = false

    package init(kind: String, name: String, origin: String, settings: [Setting] = []) {
      self.kind = kind
      self.name = name
      self.origin = origin
      self.settings = settings
    }
  }

  package var settings: [Setting] = []
  package var sections: [Section] = []
  /// What is wrong with lines, in their order.
  package var problems: [String] = []

  package init() {}

  /// - Parameter path: for messages.
  package init(_ text: String, path: String) {
    for (index, bytes) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let origin = "\(path):\(index + 1)"
      let line = Self.trimmed(bytes)
      if line.isEmpty || line.hasPrefix("#") { continue }
      if line.hasPrefix("[") {
        sections.append(section(line, origin))
        continue
      }
      let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else {
        problems.append("\(origin): '\(line)' is neither [KIND NAME] nor 'name = value'")
        if !sections.isEmpty { sections[sections.count - 1].hasBadLines = true }
        continue
      }
      let setting = Setting(Self.trimmed(parts[0]), Self.trimmed(parts[1]), origin: origin)
      if !Self.texts.contains(setting.name), setting.value.contains(" #") || setting.value.contains("\t#") {
        problems.append("\(origin): a comment needs a line of its own; '#' would be part of '\(setting.value)'")
      }
      if sections.isEmpty { settings.append(setting) } else { sections[sections.count - 1].settings.append(setting) }
    }
  }

  /// What begins with a line in brackets: without a kind, if that is wrong.
  private mutating func section(_ line: String, _ origin: String) -> Section {
    let words = line.dropFirst().dropLast().split(separator: " ", maxSplits: 1)
    guard line.hasSuffix("]"), let kind = words.first else {
      problems.append(
        line.hasSuffix("]") ? "\(origin): [] names no kind of source" : "\(origin): '\(line)' has no ']'")
      return Section(kind: "", name: "", origin: origin)
    }
    let name = words.count == 2 ? Self.trimmed(words[1]) : String(kind)
    if sections.contains(where: { $0.kind == String(kind) && $0.name == name }) {
      problems.append("\(origin): [\(kind) \(name)] comes twice; give each source a name of its own")
    }
    return Section(kind: String(kind), name: name, origin: origin)
  }

  /// Settings whose values may have a `#` anywhere.
  private static let texts: Set = ["drop", "mask", "multiline", "attribute"]

  static func trimmed(_ text: some StringProtocol) -> String {
    let space: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
    var rest = Substring(text)
    while let first = rest.first, space(first) { rest.removeFirst() }
    while let last = rest.last, space(last) { rest.removeLast() }
    return String(rest)
  }
}

/// What is wrong with a configuration, where, and what to do: a sentence for each.
package struct ShipFileError: Error, Hashable, Sendable, CustomStringConvertible {
  package let problems: [String]
  package var description: String { problems.joined(separator: "; ") }

  package init(_ problem: String) { problems = [problem] }
  init(_ problems: [String]) { self.problems = problems }
}
