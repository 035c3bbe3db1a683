/// The nodes of a machine: their memory by zone, their CPUs, and how far they are from each other.
///
/// A machine without NUMA has one node, 0. Follows mm/page_alloc.c and include/linux/nodemask.h, Linux 6.1.
public struct NodeTopology: Hashable, Sendable {
  /// What a node has; a node can be in several states. Follows `enum node_states`.
  public struct States: OptionSet, Hashable, Sendable {
    public var rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The node could come up.
    public static let possible = States(rawValue: 1 << 0)
    public static let online = States(rawValue: 1 << 1)
    /// It has memory in Normal or below.
    public static let normalMemory = States(rawValue: 1 << 2)
    /// It has memory in Normal, below, or high memory.
    public static let highMemory = States(rawValue: 1 << 3)
    /// It has memory of any kind, movable too.
    public static let memory = States(rawValue: 1 << 4)
    /// It has CPUs.
    public static let cpu = States(rawValue: 1 << 5)
  }

  /// A node of the machine.
  public struct Node: Hashable, Sendable {
    public var number: Int
    /// Managed pages by zone.
    public var pages: [Zone.Kind: Int]
    public var cpuCount: Int

    public init(number: Int, pages: [Zone.Kind: Int], cpuCount: Int = 0) {
      self.number = number
      self.pages = pages
      self.cpuCount = cpuCount
    }
  }

  /// The distance of a node to itself, and that of others when the firmware says nothing.
  public static let localDistance = 10
  public static let remoteDistance = 20

  private let all: [Node]
  private let distances: [[Int]]

  /// Creates the topology; `distances` are by the position of nodes in ascending number, as SLIT has them.
  public init(_ nodes: [Node], distances: [[Int]] = []) {
    all = nodes.sorted { $0.number < $1.number }
    self.distances = distances
  }

  /// The numbers of the online nodes, ascending.
  public var nodes: [Int] { all.map(\.number) }

  /// Whether there is but one node.
  public var isUniform: Bool { all.count <= 1 }

  /// Managed pages of a node's zone.
  public func pages(_ node: Int, _ kind: Zone.Kind) -> Int {
    all.first { $0.number == node }?.pages[kind] ?? 0
  }

  /// Managed pages of a node.
  public func totalPages(_ node: Int) -> Int {
    all.first { $0.number == node }?.pages.values.reduce(0, +) ?? 0
  }

  /// How far a node's memory is; 10 is local. Follows `node_distance`.
  public func distance(_ from: Int, _ to: Int) -> Int {
    guard let row = all.firstIndex(where: { $0.number == from }),
      let column = all.firstIndex(where: { $0.number == to }),
      distances.indices.contains(row), distances[row].indices.contains(column)
    else { return from == to ? Self.localDistance : Self.remoteDistance }
    return distances[row][column]
  }

  /// What a node has.
  public func states(_ node: Int) -> States {
    guard let own = all.first(where: { $0.number == node }) else { return [] }
    var states: States = [.possible, .online]
    let low = Zone.Kind.allCases.contains { $0 <= .normal && own.pages[$0, default: 0] > 0 }
    let high = own.pages[.highMemory, default: 0] > 0
    if low { states.formUnion([.normalMemory, .highMemory, .memory]) }
    if high { states.formUnion([.highMemory, .memory]) }
    if own.pages[.movable, default: 0] > 0 { states.insert(.memory) }
    if own.cpuCount > 0 { states.insert(.cpu) }
    return states
  }

  /// The nodes with memory in the order in which requests of `node` try them: itself, then the nearest.
  ///
  /// Each node is passed over by those whose lists chose it as their first fallback before, so that nodes at equal
  /// distance share the load. Follows `find_next_best_node` and the load of `build_zonelists`, Linux 6.1, with lists
  /// built in ascending order of nodes.
  public func fallbackOrder(from node: Int) -> [Int] {
    var load: [Int: Int] = [:]
    var order: [Int] = []
    for local in nodes where local <= node {
      order = build(local, &load)
      if local == node { return order }
    }
    return order
  }

  private func build(_ local: Int, _ load: inout [Int: Int]) -> [Int] {
    var used: Set<Int> = []
    var order: [Int] = []
    var previous = local
    while let next = nextNode(local, used, load) {
      // Only the first node of each group at a new distance is made heavier.
      if distance(local, next) != distance(local, previous) { load[next, default: 0] += 1 }
      used.insert(next)
      order.append(next)
      previous = next
    }
    return order
  }

  private func nextNode(_ local: Int, _ used: Set<Int>, _ load: [Int: Int]) -> Int? {
    if !used.contains(local), states(local).contains(.memory) { return local }
    var best: Int?
    var least = Int.max
    for candidate in nodes where !used.contains(candidate) && states(candidate).contains(.memory) {
      var value = distance(local, candidate)
      // Nodes after this one are preferred, so that not all fall back on the first.
      if candidate < local { value += 1 }
      // Nodes with CPUs have work of their own.
      if states(candidate).contains(.cpu) { value += 1 }
      value = value * 64 * 1024 + load[candidate, default: 0]
      if value < least {
        least = value
        best = candidate
      }
    }
    return best
  }
}
