internal import LogsText
internal import LogsWire

/// The settings of one section, with their values read.
struct ShipSettings {
  private let settings: [ShipFile.Setting]

  /// - Throws: if one is unknown, or comes twice.
  init(_ settings: [ShipFile.Setting], of known: [ShipSetting], what: String) throws(ShipFileError) {
    var seen: [String: ShipFile.Setting] = [:]
    for setting in settings {
      guard let kind = known.first(where: { $0.name == setting.name }) else {
        let suggestion = Spelling.suggestion(setting.name, among: known.map(\.name))
        throw ShipFileError("\(setting.origin): \(what) has no setting '\(setting.name)'\(suggestion)")
      }
      if let earlier = seen[setting.name], !kind.isRepeated {
        throw ShipFileError("\(setting.origin): '\(setting.name)' was said before, in \(earlier.origin)")
      }
      if setting.value.isEmpty {
        throw ShipFileError("\(setting.origin): '\(setting.name)' has no value (\(kind.form))")
      }
      seen[setting.name] = setting
    }
    self.settings = settings
  }

  func all(_ name: String) -> [ShipFile.Setting] { settings.filter { $0.name == name } }
  func setting(_ name: String) -> ShipFile.Setting? { settings.last { $0.name == name } }
  func value(_ name: String) -> String? { setting(name)?.value }
  func values(_ name: String) -> [String] { all(name).map(\.value) }

  func flag(_ name: String) throws(ShipFileError) -> Bool? {
    guard let setting = setting(name) else { return nil }
    switch setting.value {
    case "yes", "true", "on": return true
    case "no", "false", "off": return false
    default: throw ShipFileError("\(setting.origin): \(name) takes yes or no, not '\(setting.value)'")
    }
  }

  func time(_ name: String) throws(ShipFileError) -> Duration? {
    guard let setting = setting(name) else { return nil }
    if setting.value == "0" { return .zero }
    guard let time = TimeSpan.parse(setting.value) else {
      throw ShipFileError("\(setting.origin): \(name) takes a time like 20ms, 5s or 1m, not '\(setting.value)'")
    }
    return time
  }

  func size(_ name: String) throws(ShipFileError) -> Int? {
    guard let setting = setting(name) else { return nil }
    guard let size = ByteSize.parse(setting.value).flatMap({ Int(exactly: $0) }), size >= 1 << 20 else {
      throw ShipFileError(
        "\(setting.origin): \(name) takes a size of at least 1M, like 256M or 2G, not '\(setting.value)'")
    }
    return size
  }

  func choice<Value: RawRepresentable & CaseIterable>(
    _ name: String, _ type: Value.Type
  ) throws(ShipFileError) -> Value? where Value.RawValue == String {
    guard let setting = setting(name) else { return nil }
    guard let value = Value(rawValue: setting.value) else {
      let known = Value.allCases.map(\.rawValue)
      let suggestion = Spelling.suggestion(setting.value, among: known)
      throw ShipFileError(
        "\(setting.origin): \(name) is one of \(known.joined(separator: ", ")), not '\(setting.value)'\(suggestion)")
    }
    return value
  }

  func stream(_ words: [String]) throws(ShipFileError) -> StreamTemplate? {
    guard let setting = setting("stream") else { return nil }
    do throws(LogError) { return try StreamTemplate(setting.value, words: words) } catch {
      throw ShipFileError("\(setting.origin): \(error.message)")
    }
  }
}
