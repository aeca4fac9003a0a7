"""Templates: one mail per contact out of Jinja2, and the fewest distinct mailings that deliver all of them.

environment, codegen, pieces   Jinja2 whose output remembers what was printed
html_context, outline          a rendered mail becomes an outline with gaps, and the values for the gaps
safe_values, formats, links    what a printed value looks like in a mail
document, plain_text           an outline is compiled once: MJML or CSS, preheader, links, plain text
tag_reader                     HTML tag by tag, as html.parser reads it
variants, render, mail         template + contact -> Rendered (skeleton and values), previewed as RenderedEmail
piles, slots, layout           values of many mails on disk -> one content, and the slots that its recipients need
alternatives, packing          mails whose texts differ as one; what to do where slots run out
mailings, excess               many Rendered -> few mailings, or why they would be too many
sources, trees, names, checks  what can be said about a template before anything is rendered
work, remedies, faults         what one mail may cost; what a fault means, where it is and what to do
page, colors, addresses, tags  what stands in a compiled mail, and what is wrong with it
quality, places                the quality gate: rendered mails -> errors and warnings at lines of the files
"""
