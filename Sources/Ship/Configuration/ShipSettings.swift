internal import LogsText
internal import LogsWire

/// The settings of one section, with their values read. What is wrong with them is kept, so that all of it is said at
/// once.
final class ShipSettings {
  private var settings: [ShipFile.Setting] = []
  private(set) var problems: [String] = []
  /// The names that were said, rightly or not.
  private let said: Set<String>

  init(_ settings: [ShipFile.Setting], of known: [ShipSetting], what: String) {
    said = Set(settings.map(\.name))
    var seen: [String: ShipFile.Setting] = [:]
    for setting in settings {
      guard let kind = known.first(where: { $0.name == setting.name }) else {
        let suggestion = Spelling.suggestion(setting.name, among: known.map(\.name))
        note("\(setting.origin): \(what) has no setting '\(setting.name)'\(suggestion)")
        continue
      }
      if let earlier = seen[setting.name], !kind.isRepeated {
        note("\(setting.origin): '\(setting.name)' was said before, in \(earlier.origin)")
        continue
      }
      seen[setting.name] = setting
      if setting.value.isEmpty {
        note("\(setting.origin): '\(setting.name)' has no value (\(kind.form))")
      } else {
        self.settings.append(setting)
      }
    }
  }

  /// Something is wrong.
  func note(_ problem: String) { problems.append(problem) }

  /// Whether a setting was said, rightly or not.
  func isSaid(_ name: String) -> Bool { said.contains(name) }

  func all(_ name: String) -> [ShipFile.Setting] { settings.filter { $0.name == name } }
  func setting(_ name: String) -> ShipFile.Setting? { settings.last { $0.name == name } }
  func value(_ name: String) -> String? { setting(name)?.value }
  func values(_ name: String) -> [String] { all(name).map(\.value) }

  func flag(_ name: String) -> Bool? {
    guard let setting = setting(name) else { return nil }
    switch setting.value {
    case "yes", "true", "on": return true
    case "no", "false", "off": return false
    default:
      note("\(setting.origin): \(name) takes yes or no, not '\(setting.value)'")
      return nil
    }
  }

  func time(_ name: String) -> Duration? {
    guard let setting = setting(name) else { return nil }
    if setting.value == "0" { return .zero }
    guard let time = TimeSpan.parse(setting.value) else {
      note("\(setting.origin): \(name) takes a time like 20ms, 5s or 1m, not '\(setting.value)'")
      return nil
    }
    return time
  }

  func size(_ name: String) -> Int? {
    guard let setting = setting(name) else { return nil }
    guard let size = ByteSize.parse(setting.value).flatMap({ Int(exactly: $0) }), size >= 1 << 20 else {
      note(
        "\(setting.origin): \(name) takes a size of at least 1M, like 256M or 2G, not '\(setting.value)'")
      return nil
    }
    return size
  }

  func choice<Value: RawRepresentable & CaseIterable>(
    _ name: String, _ type: Value.Type
  ) -> Value? where Value.RawValue == String {
    guard let setting = setting(name) else { return nil }
    guard let value = Value(rawValue: setting.value) else {
      let known = Value.allCases.map(\.rawValue)
      let suggestion = Spelling.suggestion(setting.value, among: known)
      note(
        "\(setting.origin): \(name) is one of \(known.joined(separator: ", ")), not '\(setting.value)'\(suggestion)")
      return nil
    }
    return value
  }

  func stream(_ words: [String]) -> StreamTemplate? {
    guard let setting = setting("stream") else { return nil }
    do throws(LogError) { return try StreamTemplate(setting.value, words: words) } catch {
      note("\(setting.origin): \(error.message)")
      return nil
    }
  }
}
