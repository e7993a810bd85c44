internal import Glibc
internal import LogsSystem
internal import LogsText

extension ConfigurationReader {
  /// Reads lines of the form `name = value`; `#` begins a comment.
  mutating func read(_ path: String) {
    let content: [UInt8]
    do { content = try Descriptor.open(path, O_RDONLY).readAll() } catch {
      return fail("cannot read the configuration file \(path): \(error.text)")
    }
    var values: [String: String] = [:]
    var lineCount = 0
    for (index, line) in content.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
      let text = String(decoding: line.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self)
      let trimmed = text.trimmed
      if trimmed.isEmpty { continue }
      lineCount += 1
      read(trimmed, origin: "\(path):\(index + 1)", &values)
    }
    if lineCount == 0 {
      configuration.remarks.append(
        "the configuration file \(path) has no settings: defaults, variables and flags count")
    }
  }

  /// - Parameter values: those of the lines before.
  private mutating func read(_ line: String, origin: String, _ values: inout [String: String]) {
    let words = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard words.count == 2 else { return fail("\(origin): '\(line)' is not of the form 'name = value'") }
    let name = words[0].trimmed
    guard let setting = Setting.named(name) else {
      let suggestion = Spelling.suggestion(name, among: Setting.all.map(\.name))
      return fail("\(origin): there is no setting '\(name)'\(suggestion); see logsd --help")
    }
    var value = words[1].trimmed
    parts[name, default: []].append((value, origin))
    if let before = values[name] {
      // As the flags, some may come several times.
      guard let separator = setting.separator else { return fail("\(origin): '\(name)' comes twice; remove one") }
      value = "\(before)\(separator)\(value)"
    }
    // What is wrong in one line is not told again for the next.
    if set(setting, value, origin: origin) { values[name] = value }
  }
}
