import LogsWire
import Testing

@testable import LogsText

/// The colours of entries can be read on any screen.
@Suite struct PaletteTests {
  /// A colour of the fixed part of the palette of 256, as xterm has it.
  private static func components(_ number: Int) throws -> [Double] {
    try #require((16...255).contains(number), "\(number) is one that terminals let users redefine")
    if number >= 232 { return Array(repeating: Double(8 + 10 * (number - 232)), count: 3) }
    let steps: [Double] = [0, 95, 135, 175, 215, 255]
    return [(number - 16) / 36, (number - 16) / 6 % 6, (number - 16) % 6].map { steps[$0] }
  }

  /// https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
  private static func luminance(_ number: Int) throws -> Double {
    let linear = try components(number).map { component in
      let share = component / 255
      return share <= 0.04045 ? share / 12.92 : power((share + 0.055) / 1.055)
    }
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
  }

  /// The 2.4th power: x² · (x²)^(1/5), by Newton's method.
  private static func power(_ base: Double) -> Double {
    let square = base * base
    var root = 1.0
    for _ in 0..<100 { root = (4 * root + square / (root * root * root * root)) / 5 }
    return square * root
  }

  private static func contrast(_ left: Double, _ right: Double) -> Double {
    (max(left, right) + 0.05) / (min(left, right) + 0.05)
  }

  /// What `ESC [ … m` sets: the colour of letters, and one behind them if it brings one.
  private static func colors(_ sequence: StaticString) throws -> (text: Int, ground: Int?) {
    let text = "\(sequence)"
    try #require(text.hasPrefix("\u{1b}[") && text.hasSuffix("m"))
    var numbers = text.dropFirst(2).dropLast().split(separator: ";").compactMap { Int($0) }[...]
    var colors: (text: Int, ground: Int?) = (-1, nil)
    while let number = numbers.popFirst() {
      switch number {
      case 1: break
      case 38 where numbers.popFirst() == 5: colors.text = numbers.popFirst() ?? -1
      case 48 where numbers.popFirst() == 5: colors.ground = numbers.popFirst() ?? -1
      default: Issue.record("\(number) of \(text.debugDescription) is no colour of the palette of 256")
      }
    }
    return colors
  }

  @Test func `every colour has a contrast of 4,5 to black and to white, or to the ground that it brings`() throws {
    let names = (0..<1_000).map { Palette.name("stream/\($0)".utf8) }
    #expect(Set(names.map { "\($0)" }).count == 7)
    let levels = (0...24).compactMap { LogSeverity(number: $0) }.map(Palette.level)
    for sequence in [Palette.dim, Palette.match, Palette.kind] + levels + names {
      let (text, ground) = try Self.colors(sequence)
      let grounds = [0, 1].filter { _ in ground == nil } + (try [ground].compactMap(\.self).map(Self.luminance))
      for ground in grounds {
        let contrast = Self.contrast(try Self.luminance(text), ground)
        #expect(contrast >= 4.5, "\("\(sequence)".debugDescription): \(contrast)")
      }
    }
  }

  @Test func `contrast is computed as WCAG does`() throws {
    #expect(abs(Self.contrast(try Self.luminance(16), try Self.luminance(231)) - 21) < 0.001)
    // #767676 on white, as tables of accessible greys have it.
    #expect(abs(Self.contrast(try Self.luminance(243), 1) - 4.54) < 0.005)
  }
}
