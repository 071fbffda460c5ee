"""The pages that people look at: answers of the desk as HTML, and the same answers as JSON.

    request ──ask──► Ask ──handler──► Page ──► HTML, or with ``?format=json`` its answer
                     who, as of which size      template, title, answer

A page holds no rule of its own: what it shows is what a question answers. It reads without
scripts and without pictures; a script makes it quicker, not fuller. Each says as of which size of
the log it speaks, and its link with ``?as_of=`` says the same for as long as the log stands.

    page.py     how an answer becomes a page: templates, headers, errors, compression
    asking.py   who asks, and what for
    routes.py   the table of all pages
    sign_in.py  a browser brings its token in a cookie
    words.py    ages, short ids and links, as templates write them
"""
