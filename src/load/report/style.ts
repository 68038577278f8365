// The style sheet of the page: light or dark as the reader's system prefers, and readable on paper.

export const STYLE = `
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #ffffff; --text: #1b2430; --soft: #5b6675;
  --edge: #dde2e9; --grid: #e6eaf0; --axis: #98a2b1; --first: #2463c9; --second: #c2570c; --bad: #c02434; --good: #1c7a45; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161c; --card: #1a2029; --text: #e5e9ef; --soft: #9aa5b4;
  --edge: #2c3440; --grid: #29313c; --axis: #667182; --first: #6ea4f7; --second: #f0964b; --bad: #f2727f; --good: #5ec88b; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1.25rem 3rem; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .2rem; }
h2 { font-size: 1.02rem; margin: 0 0 .15rem; }
p { margin: .25rem 0; }
.soft { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: 1rem 1.15rem; margin-top: 1rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .8rem; margin-top: 1.1rem; }
.tile { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: .7rem .95rem; }
.tile b { display: block; font-size: 1.45rem; line-height: 1.3; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .87rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
.pair { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 900px) { .pair { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .aside { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 1.5rem; align-items: start; } }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-top: .4rem; }
.wide { width: 100%; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--edge); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-weight: 550; font-size: .87rem; }
tbody th { font-weight: 550; }
.under th, .under td { color: var(--soft); font-weight: 400; }
.under th { padding-left: 1rem !important; }
caption { text-align: left; color: var(--soft); font-size: .87rem; padding-bottom: .2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: .4rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: .3rem 0 0; padding-left: 1.2rem; }
details { margin-top: .5rem; } summary { cursor: pointer; color: var(--soft); font-size: .87rem; }
details .scroll { max-height: 22rem; overflow-y: auto; }
svg { display: block; width: 100%; height: auto; margin-top: .35rem; }
svg text { fill: var(--soft); font-size: 12px; } svg .name { fill: var(--text); }
.grid { stroke: var(--grid); } .axis { stroke: var(--axis); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.first { stroke: var(--first); } .line.second { stroke: var(--second); stroke-dasharray: 6 4; } .line.bad { stroke: var(--bad); }
circle.first { fill: var(--first); } circle.second { fill: var(--second); } circle.bad { fill: var(--bad); }
.area { stroke: none; opacity: .14; } .area.first { fill: var(--first); } .area.bad { fill: var(--bad); }
.hint { fill: transparent; } .hint:hover { fill: var(--text); opacity: .07; }
footer { margin-top: 1.2rem; color: var(--soft); font-size: .87rem; }
@media print { body { background: none; padding: 0; } .card, .tile { break-inside: avoid; } }
`.trim();
