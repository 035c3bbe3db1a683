/// The style sheet of HTML reports: both themes, small screens and paper.
enum ReportStyle {
  static var text: String {
    let light = ReportPalette.light.variables
    let dark = ReportPalette.dark.variables
    return """
      :root{color-scheme:light dark;\(light)}
      @media (prefers-color-scheme:dark){:root:not([data-theme=light]){\(dark)}}
      :root[data-theme=dark]{color-scheme:dark;\(dark)}
      :root[data-theme=light]{color-scheme:light}
      \(ReportPalette.rules)
      \(layout)
      \(parts)
      \(tables)
      \(charts)
      \(small)
      \(paper)
      """
  }

  private static let layout = """
    *{box-sizing:border-box}
    html{scroll-behavior:smooth;scroll-padding-top:3.2rem}
    @media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
    body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
    a{color:var(--accent)}
    :focus-visible{outline:2px solid var(--accent);outline-offset:2px}
    .skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:.5rem;background:var(--surface);padding:.4rem .8rem;z-index:9}
    header,main,footer{max-width:76rem;margin:0 auto;padding:0 1.25rem}
    header{padding-top:1.4rem;display:flex;gap:1rem;align-items:flex-start;justify-content:space-between}
    h1{font-size:1.35rem;line-height:1.25;margin:0;letter-spacing:-.01em;overflow-wrap:anywhere}
    .source{margin:.25rem 0 0;color:var(--quiet);font-size:.88rem;overflow-wrap:anywhere}
    nav{position:sticky;top:0;z-index:5;background:var(--page);border-bottom:1px solid var(--line);margin-top:1rem}
    nav ul{max-width:76rem;margin:0 auto;padding:.45rem 1.25rem;list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem}
    nav a{white-space:nowrap;text-decoration:none;font-size:.88rem;color:var(--quiet)}nav a:hover{color:var(--accent)}
    section{margin:2.4rem 0 0}
    h2{font-size:1.15rem;margin:0 0 .2rem;letter-spacing:-.005em}h3{font-size:.95rem;margin:1.3rem 0 .4rem}
    .lead{color:var(--quiet);margin:0 0 .8rem;max-width:60rem}
    p{margin:.4rem 0;max-width:60rem}
    footer{margin-top:3rem;padding-top:1rem;padding-bottom:2rem;color:var(--quiet);font-size:.85rem}
    button,input{font:inherit;color:inherit;background:var(--surface);border:1px solid var(--line);border-radius:6px;padding:.25rem .6rem}
    button{cursor:pointer}button:hover{border-color:var(--accent)}
    """

  private static let parts = """
    .answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(16.5rem,1fr));gap:.9rem;margin-top:1.2rem}
    .answer{min-width:0;background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:.9rem 1rem;display:flex;flex-direction:column}
    .answer h2{font-size:.82rem;font-weight:600;color:var(--quiet);margin:0}
    .answer .value{font-size:1.7rem;line-height:1.2;font-weight:650;letter-spacing:-.02em;margin:.25rem 0;overflow-wrap:anywhere}
    .answer .value.words{font-size:1.15rem;letter-spacing:-.01em}
    .answer p{margin:.1rem 0 .5rem;font-size:.9rem;overflow-wrap:anywhere}
    .answer ul{list-style:none;margin:0 0 .6rem;padding:0;font-size:.85rem}
    .answer li{display:flex;justify-content:space-between;gap:.6rem;padding:.12rem .3rem;margin:1px -.3rem;border-radius:3px;background:linear-gradient(var(--h0),var(--h0)) no-repeat left/var(--b) 100%}
    .answer li span:first-child{min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
    .answer li span:last-child{white-space:nowrap;font-variant-numeric:tabular-nums}
    .answer a{margin-top:auto;font-size:.85rem}
    .pv{display:inline-block;font-size:.7rem;font-weight:500;line-height:1.35;letter-spacing:.01em;padding:0 .35em;border-radius:3px;border:1px solid var(--line);color:var(--quiet);vertical-align:.12em}
    .pv.modelled{border-style:dashed}
    .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.7rem;margin:.8rem 0}
    .figure{background:var(--surface);border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem}
    .figure dt{font-size:.82rem;color:var(--quiet)}
    .figure dd{margin:0}.figure .value{font-size:1.15rem;font-weight:600;font-variant-numeric:tabular-nums}
    .figure .meaning{font-size:.8rem;color:var(--quiet);line-height:1.35}
    .notes{padding-left:1.1rem;margin:.4rem 0}.notes li{overflow-wrap:anywhere}.notes .serious{font-weight:600}
    details{margin:.3rem 0;font-size:.88rem}summary{cursor:pointer;color:var(--accent);width:fit-content}
    .meanings{margin:.4rem 0 .4rem;display:grid;grid-template-columns:max-content 1fr;gap:.15rem .9rem;color:var(--quiet)}
    .meanings dt{color:var(--text);font-weight:600}.meanings dd{margin:0}
    """

  private static let tables = """
    .tools{display:flex;flex-wrap:wrap;gap:.5rem;margin:.9rem 0 -.4rem;align-items:center;font-size:.88rem;color:var(--quiet)}
    .tools input{width:min(18rem,100%)}
    .table{margin-top:.9rem;overflow:auto;max-height:34rem;background:var(--surface);border:1px solid var(--line);border-radius:8px}
    table{border-collapse:separate;border-spacing:0;width:100%;font-size:.86rem;font-variant-numeric:tabular-nums}
    caption{text-align:left;font-weight:600;padding:.5rem .7rem .2rem;font-size:.95rem}
    th,td{padding:.28rem .7rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
    tr:last-child td,tr:last-child th{border-bottom:0}
    thead th{position:sticky;top:0;background:var(--surface);font-weight:600;white-space:nowrap;vertical-align:bottom;z-index:1}
    thead .pv{border:0;padding:0;display:block}
    tbody th{font-weight:500;overflow-wrap:anywhere;min-width:9rem;max-width:24rem}
    td.n,th.n{text-align:right;white-space:nowrap}
    td.b{background:linear-gradient(var(--h0),var(--h0)) no-repeat right/var(--b) 78%}
    tbody tr:hover td,tbody tr:hover th{box-shadow:inset 0 99px 0 color-mix(in srgb,var(--accent) 7%,transparent)}
    th button{border:0;background:none;padding:0;font-weight:600;border-radius:3px}
    th[aria-sort=ascending] button::after{content:" \u{2191}"}th[aria-sort=descending] button::after{content:" \u{2193}"}
    tr[hidden]{display:none}
    """

  private static let charts = """
    figure{margin:1rem 0;background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:.8rem 1rem}
    figcaption{font-weight:600;font-size:.95rem;margin-bottom:.1rem}
    figure .summary{color:var(--quiet);font-size:.88rem;margin:0 0 .4rem}
    .plot{overflow-x:auto}.plot svg{display:block;width:100%;min-width:46rem;height:auto}
    .legend{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1rem;margin:.1rem 0 .5rem;padding:0;font-size:.84rem}
    .legend i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.4em;vertical-align:-.05em}
    .legend .em{background:var(--page);border:1px solid var(--line)}
    svg text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--text)}
    svg .ax{fill:var(--quiet);font-size:12px}svg .on{fill:var(--on);pointer-events:none}
    .gr{stroke:var(--line);stroke-width:1}.tk{stroke:var(--quiet);stroke-width:1}
    .mk{stroke:var(--quiet);stroke-width:1.2;stroke-dasharray:2 3;fill:none;opacity:.7}
    .ln{fill:none;stroke-width:2;stroke-linejoin:round}svg .em{fill:var(--page);stroke:var(--line);stroke-width:.5}
    svg rect:hover{filter:brightness(1.12)}.hv{fill:transparent}.hv:hover{fill:var(--accent);opacity:.14}
    """

  private static let small = """
    @media (max-width:40rem){
    header,main,footer{padding-left:.8rem;padding-right:.8rem}nav ul{padding-left:.8rem;padding-right:.8rem;flex-wrap:nowrap;overflow-x:auto;scrollbar-width:thin}
    section{margin-top:1.8rem}.answers{grid-template-columns:minmax(0,1fr);gap:.6rem}
    th,td{padding:.28rem .5rem}tbody th{min-width:8rem;max-width:11rem}
    .wide thead th:first-child,.wide tbody th{position:sticky;left:0;background:var(--surface)}.wide thead th:first-child{z-index:2}
    .meanings{grid-template-columns:1fr}.meanings dd{margin-bottom:.3rem}figure{padding:.6rem .6rem}
    }
    """

  private static let paper = """
    @media print{
    :root,:root[data-theme=dark],:root:not([data-theme=light]){color-scheme:light;\(ReportPalette.light.variables)}
    body{background:#fff;font-size:10pt}nav,.skip,#theme,.tools,summary{display:none}
    .table{max-height:none;overflow:visible}.plot svg{min-width:0}
    section{break-before:auto}figure,.answer,tr{break-inside:avoid}h2,h3{break-after:avoid}
    tbody tr:nth-child(n+31){display:none}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
    }
    """
}
