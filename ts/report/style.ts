/** The look of the page. */
import { colourStyle } from './palette.js'

export const style = `${colourStyle}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;overflow-wrap:anywhere;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
header,main,footer{max-width:1500px;margin:0 auto;padding:0 clamp(1rem,4vw,3rem)}
header{padding-top:1.4rem}
h1{font-size:1.15rem;font-weight:600;margin:0;overflow-wrap:anywhere}
h2{font-size:1.5rem;line-height:1.25;margin:3rem 0 .8rem;overflow-wrap:anywhere}
h3{font-size:1.05rem;margin:2rem 0 .35rem}
figure h3{margin-top:0}
p{margin:.4rem 0;max-width:75ch}
code,pre,textarea{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.85rem}
code{overflow-wrap:anywhere}
small,.notes,footer,.facts dt,.subtitle{color:var(--muted)}
small,.notes{font-size:.85rem;line-height:1.45}
a{color:var(--fw)}
.skip{position:absolute;left:-999rem;top:0;background:var(--paper);padding:.5rem 1rem;z-index:2}
.skip:focus{left:.5rem}
:focus-visible{outline:3px solid var(--fw);outline-offset:2px;border-radius:2px}
#status{display:inline-flex;align-items:center;gap:.4em;font-size:.85rem;color:var(--good);margin:.3rem 0 0}
#status::before{content:"";width:.6em;height:.6em;border-radius:50%;background:currentColor}
#status.lost{color:var(--unsure)}
#status.lost::before{border-radius:0}
#status:empty{display:none}
.verdict{margin:1.2rem 0 0;padding:1.4rem 0 0;border-top:4px solid var(--ink)}
.verdict .answer{font-size:clamp(1.5rem,4.2vw,2.5rem);font-weight:650;line-height:1.18;letter-spacing:-.015em;margin:0 0 .6rem;max-width:34ch;text-wrap:balance;overflow-wrap:anywhere}
.sign{display:inline-block;font-weight:600;padding:.15rem .65rem;border:1.5px solid currentColor;border-radius:.95rem;font-size:.9rem;margin:0 .5rem .3rem 0}
.sign.yes{color:var(--good)}
.sign.no{color:var(--unsure)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,7.6rem),1fr));gap:1rem 1.5rem;margin:1.4rem 0}
.facts div{border-top:1px solid var(--grid);padding-top:.45rem}
.facts dt{font-size:.8rem}
.facts dd{margin:0;font-size:1.35rem;font-weight:600;font-variant-numeric:tabular-nums;line-height:1.3}
.facts dd small{display:block;font-weight:400;font-size:.78rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,560px),1fr));gap:2.4rem 3rem;margin:1.4rem 0}
figure{margin:0;min-width:0}
.chart{display:block;width:100%;height:auto;max-width:780px;overflow:visible}
.chart text,.chart tspan{white-space:pre}
.narrow{display:none}
@media (max-width:560px){.wide{display:none}.narrow{display:block}}
.notes{margin:.5rem 0 0;max-width:70ch}
@media (min-width:1240px){#r1-tokens,figure[id$="-tokens"]{grid-row:span 2}}
details{margin:.5rem 0}
summary{cursor:pointer;font-size:.9rem;padding:.15rem 0}
details.result{border-top:1px solid var(--grid);margin:0;padding:.4rem 0}
details.result>summary{font-size:1.05rem;font-weight:600;overflow-wrap:anywhere}
details.result>summary span{font-weight:400;color:var(--muted)}
.scroll{overflow:auto;max-width:100%;max-height:min(70vh,44rem);margin:.6rem 0}
pre.scroll{background:var(--panel);padding:1rem;line-height:1.4}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{padding:.34rem .8rem .34rem 0;text-align:left;border-bottom:1px solid var(--grid);white-space:nowrap;font-weight:400;vertical-align:baseline}
thead th{font-weight:600;position:sticky;top:0;background:var(--paper);box-shadow:inset 0 -1.5px var(--ink);border:0}
.number{text-align:right;padding-right:1.2rem}
tbody tr:hover{background:var(--panel)}
.copies{display:flex;flex-wrap:wrap;gap:.4rem 1.5rem}
.copy{min-width:0}
button{font:inherit;font-size:.85rem;color:inherit;background:var(--panel);border:1px solid var(--muted);border-radius:.35rem;padding:.25rem .7rem;cursor:pointer}
.copy details{display:inline-block;margin:0 0 0 .5rem;max-width:100%}
.copy details[open]{display:block;margin:.4rem 0}
.copy summary{color:var(--muted);font-size:.85rem}
textarea{width:36rem;max-width:100%;color:inherit;background:var(--panel);border:1px solid var(--grid);padding:.5rem}
.examples{padding:0;list-style:none;max-width:72ch}
.examples li{margin:0 0 1.2rem}
.example{font-size:1rem;line-height:2;margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font-family:Georgia,"Times New Roman","DejaVu Serif",serif}
.example span,.key span{text-decoration-line:underline;text-decoration-color:transparent;text-underline-offset:.28em}
.f1,.f2,.f3{text-decoration-color:var(--fw)!important}
.b1,.b2,.b3{text-decoration-color:var(--bw)!important;text-decoration-style:dotted}
.f1,.b1{text-decoration-thickness:1.5px}
.f2,.b2{text-decoration-thickness:3px}
.f3,.b3{text-decoration-thickness:5px}
mark{color:inherit;background:var(--panel);border:1.5px solid var(--ink);border-radius:3px;padding:.1em .15em}
mark sub{font:600 .68rem/1 system-ui,"DejaVu Sans",sans-serif;margin-left:.3em;vertical-align:baseline}
footer{margin-top:4rem;padding-bottom:2rem;font-size:.85rem}
@media print{.skip,.copies,#status{display:none}details>summary{list-style:none}.scroll{max-height:none;overflow:visible}figure{break-inside:avoid}body{font-size:11pt}}
`
