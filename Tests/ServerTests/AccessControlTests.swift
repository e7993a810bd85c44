import Foundation
import LogsSystem
import Testing

@testable import LogsServer
@testable import LogsTransport
@testable import LogsWire

@Suite struct AccessControlTests {
  /// A directory with tokens, and a clock.
  private final class Scene {
    let directory = NSTemporaryDirectory() + "access-\(UInt64.random(in: 0 ... .max))"
    let file: TokenFile
    private let wall = Monitor<Int64>(1_000_000_000)
    private let lines = Monitor<[String]>([])
    var now = MonotonicTime(nanoseconds: 1_000_000_000)

    init() throws {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
      file = TokenFile(directory: directory)
    }

    deinit {
      do { try FileManager.default.removeItem(atPath: directory) } catch { Issue.record(error) }
    }

    var log: [String] { lines.withLock { $0 } }

    func pass(seconds: Int64) {
      wall.withLock { $0 += seconds * 1_000_000_000 }
      now = now + .seconds(seconds)
    }

    func add(_ name: String, secret: String, expires: Int64? = nil, _ grants: String = "read:**") throws {
      let rights = try grants.split(separator: " ").map { try Rights.Grant($0) }
      try file.change { tokens in
        tokens.append(
          Token(name: name, hash: TokenHash(of: secret), created: 0, expires: expires, grants: rights))
      }
    }

    func control(unix: String = "", certificates: String = "") throws -> AccessControl {
      let (wall, lines) = (wall, lines)
      return try AccessControl(
        directory: directory, unixAllow: NamedRights(unix) { $0 }, certificateAllow: NamedRights(certificates) { $0 },
        log: { line in lines.withLock { $0.append(line.text) } }, wallTime: { wall.withLock { $0 } })
    }

    func decide(
      _ control: AccessControl, _ token: String = "", from address: String = "10.0.0.1", certificate: String? = nil
    ) -> AccessControl.Verdict {
      control.decide(.init(token: token, address: address, certificate: certificate), now: now)
    }
  }

  private static func access(_ verdict: AccessControl.Verdict) -> AccessControl.Access? {
    if case .accepted(let access) = verdict { access } else { nil }
  }

  private static func delay(_ verdict: AccessControl.Verdict) -> Duration? {
    if case .refused(_, let delay) = verdict { delay } else { nil }
  }

  @Test func `without tokens everybody may append and read, and nobody delete`() throws {
    let scene = try Scene()
    let control = try scene.control()
    #expect(!control.checksTokens)
    #expect(Self.access(scene.decide(control))?.rights == .open)
    #expect(Self.access(scene.decide(control, "anything"))?.rights == .open)
    #expect(!Rights.open.allows(.delete, try StreamName("web")))
    #expect(!Rights.open.allows(.read, try StreamName(server: "$audit")))
  }

  @Test func `with tokens only what is valid counts, and never the name alone`() throws {
    let scene = try Scene()
    try scene.add("ci", secret: "secret", expires: 100_000_000_000, "append:ci/* read:ci/*")
    let control = try scene.control()
    #expect(control.checksTokens)
    let access = Self.access(scene.decide(control, "secret"))
    #expect(access?.name == "token 'ci'")
    #expect(access?.rights == (try Rights("append:ci/* read:ci/*")))
    for wrong in ["", "ci", "Secret", "secret ", "secre"] {
      #expect(Self.access(scene.decide(control, wrong)) == nil, "\(wrong)")
    }
    scene.pass(seconds: 100)
    #expect(Self.access(scene.decide(control, "secret")) == nil)
  }

  @Test func `wrong tokens of one address wait longer and longer, those of others do not`() throws {
    let scene = try Scene()
    try scene.add("ci", secret: "secret")
    let control = try scene.control()
    let delays = (0..<8).map { _ in Self.delay(scene.decide(control, "wrong")) }
    #expect(delays == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000].map { .milliseconds($0) })
    #expect(Self.delay(scene.decide(control, "wrong", from: "10.0.0.2")) == .milliseconds(100))
    #expect(Self.access(scene.decide(control, "secret")) != nil)
    scene.pass(seconds: 301)
    #expect(Self.delay(scene.decide(control, "wrong")) == .milliseconds(100))
  }

  @Test func `the table of addresses is bounded`() throws {
    let scene = try Scene()
    try scene.add("ci", secret: "secret")
    let control = try scene.control()
    for number in 0..<AccessControl.addressCountMax { _ = scene.decide(control, "wrong", from: "\(number)") }
    #expect(Self.delay(scene.decide(control, "wrong", from: "new")) == AccessControl.delayMax)
    scene.pass(seconds: 301)
    #expect(Self.delay(scene.decide(control, "wrong", from: "new")) == .milliseconds(100))
  }

  @Test func `a token that is revoked or expires ends what it was used for`() throws {
    let scene = try Scene()
    try scene.add("ci", secret: "secret", expires: 60_000_000_000)
    try scene.add("other", secret: "other")
    let control = try scene.control()
    var first = try #require(Self.access(scene.decide(control, "secret")))
    var other = try #require(Self.access(scene.decide(control, "other")))
    #expect(control.refusal(of: &first) == nil)
    scene.pass(seconds: 60)
    #expect(control.refusal(of: &first)?.code == .unauthorized)
    #expect(control.refusal(of: &first)?.isRetryable == true)
    try scene.file.change { $0.removeAll { $0.name == "other" } }
    #expect(control.refusal(of: &other) == nil)
    control.refresh()
    #expect(control.refusal(of: &other)?.text.contains("was revoked") == true)
    #expect(Self.access(scene.decide(control, "other")) == nil)
  }

  @Test func `a file that cannot be read changes nothing, and one that is gone lets nobody in`() throws {
    let scene = try Scene()
    try scene.add("ci", secret: "secret")
    let control = try scene.control()
    try Data("ci nonsense\n".utf8).write(to: URL(fileURLWithPath: scene.file.path))
    control.refresh()
    #expect(scene.log.last?.contains("the tokens in use stay") == true)
    #expect(Self.access(scene.decide(control, "secret")) != nil)
    #expect(throws: SettingError.self) { try scene.control() }
    try FileManager.default.removeItem(atPath: scene.file.path)
    control.refresh()
    #expect(Self.access(scene.decide(control, "secret")) == nil)
    #expect(Self.access(scene.decide(control)) == nil)
  }

  @Test func `users of Unix sockets and certificates have the rights that are named`() throws {
    let scene = try Scene()
    try scene.add("ci", secret: "secret")
    let control = try scene.control(unix: "1000: read:web", certificates: "web: append:web; db: read:db")
    #expect(Self.access(scene.decide(control, certificate: "web"))?.rights == (try Rights("append:web")))
    #expect(Self.access(scene.decide(control, certificate: "stranger")) == nil)
    let open = try scene.control()
    #expect(Self.access(scene.decide(open, certificate: "stranger"))?.rights == .open)
    // Other rights count for those that come from then on.
    control.set(unixAllow: NamedRights(), certificateAllow: NamedRights())
    #expect(Self.access(scene.decide(control, certificate: "stranger"))?.rights == .open)
    // A token that is shown decides, even beside a certificate.
    #expect(Self.access(scene.decide(open, "wrong", certificate: "web")) == nil)
  }

  @Test func `only hashes are stored, in a file of the server's user alone`() throws {
    let scene = try Scene()
    try scene.add("ci", secret: "very-secret", expires: 5_000_000_000, "append:ci/* read:$audit")
    let text = try String(contentsOfFile: scene.file.path, encoding: .utf8)
    #expect(!text.contains("very-secret"))
    var status = stat()
    #expect(stat(scene.file.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    let token = try #require(try scene.file.read()?.first)
    #expect(
      token.name == "ci" && token.expires == 5_000_000_000 && token.rights.description == "append:ci/* read:$audit")
  }

  @Test func `there are as many tokens as the limit allows, and a refusal changes nothing`() throws {
    let scene = try Scene()
    try scene.add("ci", secret: "secret")
    let error = #expect(throws: SettingError.self) {
      try scene.file.change { tokens in
        let token = tokens[0]
        tokens += Array(repeating: token, count: TokenFile.tokenCountMax)
      }
    }
    #expect(error?.description.contains("\(TokenFile.tokenCountMax) tokens, which is the limit") == true)
    #expect(try scene.file.read()?.count == 1)
  }

  @Test func `a secret has 256 bits, and a check that tells it from other text`() {
    let secrets = (0..<50).map { _ in TokenSecret.make() }
    #expect(Set(secrets).count == 50)
    for secret in secrets {
      #expect(secret.hasPrefix("lgs_") && secret.utf8.count == 53)
      #expect(TokenSecret.isWellFormed(secret))
      #expect(!TokenSecret.isWellFormed(String(secret.dropLast()) + (secret.hasSuffix("a") ? "b" : "a")))
    }
  }
}
