internal import Glibc
internal import LogsSystem
internal import LogsText

/// The file with the profiles of servers.
struct ProfileFile {
  /// A line of a profile.
  struct Setting {
    let value: String
    /// Where it is: file and line.
    let origin: String
  }

  let path: String
  /// Whether there is such a file.
  private(set) var exists = false
  private(set) var profiles: [(name: String, settings: [String: Setting])] = []

  /// What a profile may say.
  static let names = ["server"] + fileNames
  private static let fileNames = ["token-file", "ca-cert", "cert", "key"]

  private static let byteCountMax = 1 << 20

  /// Reads the file, if there is one.
  init() throws(CommandError) {
    path = Self.usualPath
    let content: [UInt8]
    do { content = try Descriptor.open(path, O_RDONLY).readAll(atMost: Self.byteCountMax) } catch {
      // One that is closed to this user matters only where a profile is asked for.
      if [ENOENT, ENOTDIR, EACCES].contains(error.number) { return }
      throw .usage("cannot read the profiles in \(path): \(error.text)")
    }
    exists = true
    try read(content)
  }

  func settings(of profile: String) -> [String: Setting]? { profiles.first { $0.name == profile }?.settings }

  /// `$XDG_CONFIG_HOME/logs/config`; relative paths are not allowed there.
  private static var usualPath: String {
    if let home = Terminal.environment("XDG_CONFIG_HOME"), home.hasPrefix("/") { return "\(home)/logs/config" }
    return "\(Terminal.environment("HOME") ?? "")/.config/logs/config"
  }

  private mutating func read(_ content: [UInt8]) throws(CommandError) {
    let lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, bytes) in lines.enumerated() {
      let origin = "\(path):\(index + 1)"
      let line = String(decoding: bytes.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self).split {
        $0 == " " || $0 == "\t" || $0 == "\r"
      }
      .joined(separator: " ")
      if line.isEmpty { continue }
      if line.hasPrefix("[") {
        try begin(line, origin)
        continue
      }
      let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { throw .usage("\(origin): '\(line)' is neither [profile NAME] nor 'name = value'") }
      try set(Self.trimmed(parts[0]), Self.trimmed(parts[1]), origin)
    }
  }

  private mutating func begin(_ line: String, _ origin: String) throws(CommandError) {
    let words = line.dropFirst().dropLast().split(separator: " ")
    guard line.hasSuffix("]"), words.count == 2, words[0] == "profile" else {
      throw .usage("\(origin): '\(line)' is not of the form [profile NAME]")
    }
    let name = String(words[1])
    if settings(of: name) != nil { throw .usage("\(origin): the profile '\(name)' comes twice") }
    profiles.append((name, [:]))
  }

  private mutating func set(_ name: String, _ value: String, _ origin: String) throws(CommandError) {
    guard Self.names.contains(name) else {
      let hint = name == "token" ? "; keep the token in a file, and write token-file = FILE" : ""
      let suggestion = hint.isEmpty ? Spelling.suggestion(name, among: Self.names) : hint
      throw .usage("\(origin): a profile has \(Self.names.joined(separator: ", ")), and no '\(name)'\(suggestion)")
    }
    guard !profiles.isEmpty else { throw .usage("\(origin): '\(name)' stands before the first [profile NAME]") }
    let last = profiles.count - 1
    if profiles[last].settings[name] != nil { throw .usage("\(origin): '\(name)' comes twice in its profile") }
    if value.isEmpty { throw .usage("\(origin): '\(name)' has no value") }
    profiles[last].settings[name] = Setting(
      value: Self.fileNames.contains(name) ? file(value) : value, origin: origin)
  }

  /// A file that the profiles name: `~/` is the home directory, and other names begin beside the profiles.
  private func file(_ name: String) -> String {
    if name.hasPrefix("/") { return name }
    if name.hasPrefix("~/") { return "\(Terminal.environment("HOME") ?? "")\(name.dropFirst())" }
    return path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/\(name)"
  }

  private static func trimmed(_ text: Substring) -> String {
    text.split(separator: " ").joined(separator: " ")
  }
}
