/// A CA of a scene, and certificates of it, made by `openssl`.
struct TestCertificates {
  /// The CA's certificate.
  let authority: String
  private let scene: Scene
  private let authorityKey: String

  struct Pair {
    let certificate: String
    let key: String
  }

  init(_ scene: Scene, name: String = "ca") throws {
    self.scene = scene
    (authority, authorityKey) = (scene.path("\(name).pem"), scene.path("\(name).key"))
    try run(
      ["req", "-x509"] + Self.newKey
        + ["-keyout", authorityKey, "-out", authority, "-subj", "/CN=\(name)", "-days", "2"])
  }

  private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

  private func run(_ words: [String]) throws {
    let finished = try scene.run("/usr/bin/openssl", words)
    guard finished.exit == .code(0) else { throw Failure("openssl \(words[0]): \(finished.errors)") }
  }

  /// A certificate of the CA; with fewer than no days it has expired.
  func make(_ name: String, _ names: String, days: Int = 2) throws -> Pair {
    let pair = Pair(certificate: scene.path("\(name).pem"), key: scene.path("\(name).key"))
    let request = scene.path("\(name).csr")
    try run(["req"] + Self.newKey + ["-keyout", pair.key, "-out", request, "-subj", "/CN=\(name)"])
    let extensions = try scene.file("\(name).ext", "subjectAltName=\(names)\n".utf8)
    try run([
      "x509", "-req", "-in", request, "-CA", authority, "-CAkey", authorityKey, "-CAcreateserial", "-out",
      pair.certificate, "-days", "\(days)", "-extfile", extensions,
    ])
    return pair
  }

  func serverFlags(_ name: String, _ names: String, days: Int = 2) throws -> [String] {
    let pair = try make(name, names, days: days)
    return ["--tls-cert", pair.certificate, "--tls-key", pair.key]
  }
}
