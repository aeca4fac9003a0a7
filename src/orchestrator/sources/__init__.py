"""The ERP and the shop become canonical tables: read, check row by row, set aside what is wrong, store the rest.

``canonical`` says what tables exist; ``csv_folder`` and ``sql`` read them; ``rows`` checks one row with the parsers of
``values``, ``moments`` and ``words``; ``staging`` takes the good ones, ``judge`` checks them against each other and the
database, ``merge`` stores them. ``load`` runs an import; ``journal`` remembers it and says how old the data is.
"""
