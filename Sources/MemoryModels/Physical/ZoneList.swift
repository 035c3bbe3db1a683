public import KernelTypes

/// In which order the zones of all nodes are tried for requests made on one node.
///
/// Follows `build_zonelists`, `find_next_best_node` and, for the older orders, `default_zonelist_order` and
/// `build_zonelists_in_zone_order` in mm/page_alloc.c, Linux 6.1 and 3.5.
public struct ZoneList: Hashable, Sendable {
  /// A zone of a node.
  public struct Entry: Hashable, Sendable {
    public var node: Int
    public var kind: Zone.Kind

    public init(node: Int, kind: Zone.Kind) {
      self.node = node
      self.kind = kind
    }
  }

  /// How the zones of several nodes are mixed.
  public enum Rule: String, Sendable, Codable {
    /// A node's zones from the highest down, then the next node's: the only one since 4.14.
    case node
    /// The highest zones of all nodes, then the next lower ones.
    case zone
  }

  public var rule: Rule
  /// The populated zones, in the order in which they are tried.
  public var entries: [Entry]

  /// The list of a node.
  public init(_ nodes: NodeTopology, of node: Int, rule: Rule = .node) {
    self.rule = rule
    entries = []
    let order = nodes.fallbackOrder(from: node)
    let kinds = Zone.Kind.allCases.reversed()
    switch rule {
    case .node:
      for node in order {
        for kind in kinds where nodes.pages(node, kind) > 0 { entries.append(Entry(node: node, kind: kind)) }
      }
    case .zone:
      for kind in kinds {
        for node in order where nodes.pages(node, kind) > 0 { entries.append(Entry(node: node, kind: kind)) }
      }
    }
  }

  /// The list without other nodes, for requests with `__GFP_THISNODE`.
  public func restricted(to node: Int) -> ZoneList {
    var list = self
    list.entries.removeAll { $0.node != node }
    return list
  }

  /// The zones that a request may use, in order.
  public func zones(upTo highest: Zone.Kind) -> [Entry] { entries.filter { $0.kind <= highest } }

  /// The rule that a kernel before 4.14 chooses by itself, and node order since.
  ///
  /// Zone order keeps low memory for those who need it, unless that would send half of all requests to other nodes.
  /// Follows `default_zonelist_order` in mm/page_alloc.c, Linux 3.5.
  public static func standardRule(_ nodes: NodeTopology, kernel: KernelVersion) -> Rule {
    if kernel >= KernelVersion(4, 14) { return .node }
    let online = nodes.nodes
    var low = 0
    var total = 0
    for node in online {
      for kind in Zone.Kind.allCases where kind != .movable {
        let pages = nodes.pages(node, kind)
        if kind < .normal { low += pages }
        // A node whose memory is all low and none normal would leave others without low memory.
        total += pages
      }
      if nodes.pages(node, .normal) == 0, nodes.totalPages(node) > 0 { return .node }
    }
    if low == 0 || low > total / 2 { return .node }
    let average = total / (online.count + 1)
    for node in online {
      var ownLow = 0
      var own = 0
      for kind in Zone.Kind.allCases {
        if kind < .normal { ownLow += nodes.pages(node, kind) }
        own += nodes.pages(node, kind)
      }
      if ownLow > 0, own > average, ownLow > own * 70 / 100 { return .node }
    }
    return .zone
  }
}
