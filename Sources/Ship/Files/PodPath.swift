/// What the path of a container's log says on a Kubernetes node: `/var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log`.
struct PodPath {
  let namespace: String
  let pod: String
  let container: String

  init?(_ path: String) {
    let parts = path.split(separator: "/")
    guard parts.count >= 3, let pods = parts.firstIndex(of: "pods"), pods + 3 < parts.count else { return nil }
    let words = parts[pods + 1].split(separator: "_")
    guard words.count == 3 else { return nil }
    namespace = String(words[0])
    pod = String(words[1])
    container = String(parts[pods + 2])
  }
}
