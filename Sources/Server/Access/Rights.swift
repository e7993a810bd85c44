internal import LogsText
internal import LogsWire

/// What a client may do, and with which streams.
package struct Rights: Hashable, Sendable {
  enum Action: String, CaseIterable, Sendable {
    case append
    case read
    case delete
    /// All of the others, and to see how the server is.
    case admin

    /// To be put before the name of a stream.
    var phrase: String {
      switch self {
      case .append: "append to"
      case .read, .delete: rawValue
      case .admin: "administer"
      }
    }
  }

  /// `append:ci/*`: an action on all streams that match.
  struct Grant: Hashable, Sendable, CustomStringConvertible {
    let action: Action
    let pattern: StreamPattern

    init(_ action: Action, _ pattern: StreamPattern = .all) {
      self.action = action
      self.pattern = pattern
    }

    /// - Throws: what is wrong, and how to write it.
    init(_ text: some StringProtocol) throws(SettingError) {
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let names = Action.allCases.map(\.rawValue)
      guard let action = Action(rawValue: String(parts[0])) else {
        throw SettingError(
          """
          '\(text)' names no action\(Spelling.suggestion(String(parts[0]), among: names)); write one of \
          \(names.joined(separator: ", ")) and a pattern, like append:ci/*
          """)
      }
      guard parts.count == 2 else { throw SettingError("'\(text)' names no streams; write \(text):** for all of them") }
      do { self.init(action, try StreamPattern(String(parts[1]))) } catch { throw SettingError(error.message) }
    }

    var description: String { "\(action.rawValue):\(pattern)" }
  }

  /// In the order in which they were given. nil: everything is allowed, with the server's own streams, too.
  private let grants: [Grant]?

  init(_ grants: [Grant]) { self.grants = grants }

  private init() { grants = nil }

  package static let all = Rights()
  static let none = Rights([])
  /// Those of everybody while the server checks nothing.
  static let open = Rights([Grant(.append), Grant(.read)])

  /// - Parameter text: grants, separated by spaces or commas.
  init(_ text: some StringProtocol) throws(SettingError) {
    var grants: [Grant] = []
    for word in text.split(whereSeparator: { $0 == " " || $0 == "," }) { grants.append(try Grant(word)) }
    guard !grants.isEmpty else { throw SettingError("no right is named; write them like append:ci/* read:ci/*") }
    self.init(grants)
  }

  /// Those that allow the same in another order are the same.
  package static func == (left: Rights, right: Rights) -> Bool {
    left.grants == right.grants || left.grants.map(Set.init) == right.grants.map(Set.init)
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(grants.map(Set.init)) }

  func allows(_ action: Action, _ stream: StreamName) -> Bool {
    guard let grants else { return true }
    return grants.contains { ($0.action == action || $0.action == .admin) && $0.pattern.matches(stream) }
  }

  /// Whether it may read every stream but the server's own, so that sums over all of them tell it nothing new.
  var readsAll: Bool {
    guard let grants else { return true }
    return grants.contains { ($0.action == .read || $0.action == .admin) && $0.pattern == .all }
  }

  /// Whether it may read everything, so that nothing has to be left out.
  var isUnlimited: Bool { grants == nil }

  /// Whether all that it may read may be read with others, too.
  func readsNoMore(than others: Rights) -> Bool {
    guard let known = others.readable else { return true }
    guard let readable else { return false }
    return readable.allSatisfy { pattern in
      known.contains(pattern) || (known.contains(.all) && !pattern.description.hasPrefix("$"))
    }
  }

  /// Whether both may read the same, whatever they may do besides.
  func readsTheSame(as others: Rights) -> Bool { readsNoMore(than: others) && others.readsNoMore(than: self) }

  /// What it may read; nil for everything.
  private var readable: [StreamPattern]? {
    grants.map { $0.filter { $0.action == .read || $0.action == .admin }.map(\.pattern) }
  }

  var description: String { grants.map { $0.map(\.description).joined(separator: " ") } ?? "everything" }
}

/// Rights of those whom the system or a certificate names: `1000: append:app/*; nginx: read:**`.
struct NamedRights: Hashable, Sendable {
  var rights: [String: Rights] = [:]

  init() {}

  /// - Throws: what is wrong, and how to write it.
  init(_ text: String, _ check: (String) throws(SettingError) -> String) throws(SettingError) {
    for part in text.split(separator: ";") where !part.trimmed.isEmpty {
      let words = part.trimmed.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard words.count == 2, !words[0].trimmed.isEmpty else {
        throw SettingError("'\(part.trimmed)' is not of the form 'NAME: RIGHTS', like 'web: append:web/* read:web/*'")
      }
      if let action = words[0].split(separator: " ").last, Rights.Action(rawValue: String(action)) != nil {
        let name = words[0].trimmed.dropLast(action.count).trimmed
        let rights = "\(action):\(words[1].trimmed)"
        throw SettingError(
          name.isEmpty
            ? "'\(part.trimmed)' names nobody; write 'NAME: \(rights)'"
            : "'\(part.trimmed)' has no colon behind the name; write '\(name): \(rights)'")
      }
      let name = try check(words[0].trimmed)
      guard rights[name] == nil else {
        throw SettingError("'\(name)' comes twice; write all its rights behind one name")
      }
      rights[name] = try Rights(words[1])
    }
  }

  var description: String {
    let parts = rights.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.description)" }
    return parts.isEmpty ? "none" : parts.joined(separator: "; ")
  }
}
