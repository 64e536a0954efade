"""Every table and view that the engine makes, wing by wing, in the order in which they come about.

Each piece of work has a DuckDB of its own, so a name stands for one thing within a wing, or where two pieces of work use it
alike (`change` is what a plan changes, for the guard, for the next snapshot and for what looks at a plan). `selecting` is also
the beginning of planning and inspecting, which read its tables on the same connection.

`{file}` is a file of the roster (`users`, `roles` ...), `{entity}` one of those that are written to the stage.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """`columns` in words, `written` and `read` by which modules, of its own wing where none is named."""

    name: str
    columns: str
    written: str
    read: str


STAGING = (
    Table("problem", "what was found: file, line, entity, sourcedId, field, rule, severity, other_line, arguments, cause, key",
          "judging", "problem_files, stage"),
    Table("left_out", "rows that are not kept: entity, sourcedId, line, cause (the key of the root problem)",
          "judging, population", "judging, rules, people, problem_files, stage"),
    Table("damaged", "ids that a spreadsheet rounded or made dates of, or that differ from what is meant: file, sourcedId, "
          "key of the file's problem", "population", "rules, population, stage"),
    Table("restored", "ids that have lost their zeros, or differ in another way: file, was (as sent), id (what the other files "
          "call it, NULL where none does)",
          "population", "population"),
    Table("referred", "numbers that other files refer to: value", "population", "population"),
    Table("bare", "ids of a file that are numbers without zeros in front: sourcedId", "population", "population"),
    Table("padded", "numbers with zeros in front that are no id: was (without), id (with)", "population", "population"),
    Table("used", "bare ids that are referred to only as they stand: sourcedId", "population", "population"),
    Table("lost", "bare ids that have lost their zeros: was, id (NULL where nobody refers to it)", "population", "population"),
    Table("called_so", "what the other files say by their references: file, field, value", "look_alikes", "look_alikes"),
    Table("meant", "those values: value, files (how many say so), there (whether such a row is)", "look_alikes", "look_alikes"),
    Table("look_alike", "ids that look like one that isn't there: was, id, files, used (whether others refer to it as it is), "
          "is_only (whether no other pair is like it)", "look_alikes", "look_alikes"),
    Table("decided", "those of them that are not kept as they are: was, id, certain", "look_alikes", "look_alikes"),
    Table("so_called", "references that something was added to, or taken from: value", "look_alikes", "look_alikes"),
    Table("dangling", "what the suspects of a file refer to and is not there: value", "population", "population"),
    Table("relative", "of those what is there and near: value, id, how they differ", "population", "population"),
    Table("called", "of those what is another name of a row that is there: value, id and how (NULL), matched (false), nearest",
          "population", "population"),
    Table("explained_value", "what is referred to and damaged in its own file: file, value, key of that file's problem",
          "population", "rules"),
    Table("near_{file}_{field}", "what a reference says and is not there: value, id (the nearest that is), how they differ, "
          "matched (the one reading that is certain), nearest (a sentence)", "population", "rules, population"),
    Table("read_{file}", "a row a row sent: its line, the fields in their types, and `sent`, its cells as "
          "text, where it is suspect; enrollments refer to class and person by number",
          "reading, delta, fast_path", "fast_path, judging"),
    Table("came_{file}", "of a delta: the rows that came, as text", "delta", "delta"),
    Table("held_{file}", "of a delta: the rows that the source held before, as text", "delta", "delta"),
    Table("merged_{file}", "of a delta: both together, as text", "delta", "delta"),
    Table("clean_{file}", "the clean rows: line, sourcedId, status, dateLastModified, the fields", "stage",
          "judging, people, stage"),
    Table("raw_{file}", "the suspect rows as text", "judging", "judging"),
    Table("meant_{file}", "those without cells that say nothing in a tool's words", "judging", "judging"),
    Table("suspect_{file}", "the suspect rows: line, sourcedId, status, sent_status, dateLastModified, the fields in their "
          "types, and sent_{field} where a type can go wrong", "judging, people",
          "judging, people, choices, problem_files, stage"),
    Table("suspect_lines_{file}", "line of the clean rows that were marked suspect later", "judging", "judging, choices, stage"),
    Table("marked", "line of the rows about to be marked suspect", "judging", "judging"),
    Table("repeated_{entity}", "line of a row whose sourcedId stands above, first of the row above, same where they are alike, "
          "merges where they make one person, another where they are of two",
          "judging", "rules"),
    Table("circling_{file}", "line of rows whose parents lead back to them", "judging", "rules"),
    Table("several_{file}_{field}", "items of a list that are several ids: value, ids", "population", "judging, population"),
    Table("dangling_{file}_{field}", "line and each item of a list that refers to no row", "judging", "judging"),
    Table("roles_of", "1.2: person and their roles, the primary one first", "people", "people"),
    Table("profiles_of", "1.2: person and their profiles", "people", "people"),
    Table("roles_at", "line of a suspect person and their roles", "people", "people, rules"),
    Table("missing_org", "line of a suspect person, the first of their orgs that is missing, and which are, as text",
          "people", "rules"),
    Table("valid_{file}", "the rows that no error left out, of a file with lists of references", "stage", "stage"),
    Table("kept_{file}", "those, without references that dangle in a list: what is written to the stage", "stage",
          "stage, choices, population"),
    Table("ids_{file}", "the ids of the rows kept, numbered, with an org's type and a class's school", "stage",
          "fast_path, judging, people, choices, rules"),
    Table("class_choices", "the classes to choose from, with enrollments and firsts (primary teachers)", "choices",
          "choices, population"),
    Table("org_choices", "the schools to choose from", "choices", "choices"),
    Table("explained", "of too many problems: how many a root cause explains", "problem_files", "problem_files"),
    Table("alone", "of too many problems: how many stand alone, by file, rule and field", "problem_files", "problem_files"),
)  # fmt: skip

SELECTING = (
    Table("{entity}", "a list to choose from, as the stage has it: schools, or classes", "saved", "saved"),
    Table("every_org", "the stage's orgs, those that are no schools too", "saved", "saved"),
    Table("seen_{entity}", "sourcedId of what was on offer when the saved selection was made", "saved", "saved"),
    Table("parents", "sourcedId of the orgs under which a saved selection takes every school", "saved", "saved"),
    Table("listed_{entity}", "sourcedId of what a saved selection names", "saved", "saved"),
    Table("excluded_{entity}", "sourcedId of what it leaves out by name", "saved", "saved"),
    Table("ruled_{entity}", "sourcedId of what one of its rules takes", "saved", "saved"),
    Table("verdict_{entity}", "sourcedId, name, verdict: include, exclude or ask", "saved", "saved"),
    Table("staged_{entity}", "the stage's rows", "selection",
          "selection, inspecting.trace, planning.compare, planning.matching, planning.plan, planning.removals"),
    Table("wanted_{entity}", "where some are chosen, sourcedId of the schools or classes as chosen, there or not", "selection",
          "selection"),
    Table("chosen_orgs", "sourcedId of the chosen orgs that are there", "selection", "selection, inspecting.trace"),
    Table("candidate_users", "people whom a cell may take: sourcedId, status (of the cell), userType, member (of a chosen class)",
          "selection", "selection, inspecting.trace"),
    Table("guardian", "for the numbers before the choice: sourcedId of the candidates' guardians", "selection", "selection"),
    Table("ticked", "status, userType of the chosen cells; empty where every cell is", "selection",
          "selection, inspecting.trace, planning.removals"),
    Table("selected_{entity}", "sourcedId of what is selected", "selection",
          "selection, selection_impact, inspecting.trace, planning.compare, planning.plan, planning.unchanged_rows"),
    Table("still_enrolled", "where people were withdrawn, the selected enrollments of the others: sourcedId", "selection",
          "selection"),
    Table("selected_rows_{entity}", "those rows, as `staged_{entity}` has them", "selection",
          "selection, inspecting.export, planning.compare, planning.plan"),
)  # fmt: skip

PLANNING = (
    Table("left_out", "the stage's rows that an error left out: entity, sourcedId, line, person (whose a role or profile is), "
          "is_referred (there is no such row: others refer to it, and one that is near has come instead)",
          "plan", "held_roles, plan, matching, removals"),
    Table("half_applied", "what syncs that were cut off may have written: entity, sourcedId, name, schools, after", "compare",
          "compare"),
    Table("cut", "the changes of one of them", "compare", "compare"),
    Table("snapshot_{entity}", "the snapshot's rows; for the next one and the guard with the columns that an older one lacks",
          "review, snapshot", "drain, review, snapshot"),
    Table("before_{entity}", "what the platform holds or may hold: a snapshot's columns, and again where nobody can be sure",
          "compare", "compare, matching, plan, removals"),
    Table("compared_{entity}", "what may have to be written: sourcedId, selected, known, removed, again", "compare",
          "compare, matching, plan, removals"),
    Table("gone_{entity}", "what would be removed: sourcedId, reason", "compare, removals, matching", "compare, removals"),
    Table("losses", "files of which a row was left out that may cost a person something: file, person (NULL: anybody)",
          "held_roles", "held_roles"),
    Table("unread", "rows of which a value came and can't be read, or has lost letters (lostLetters), or whose file lacks a "
          "column (absent): entity, sourcedId (of roles the person's), fields", "compare", "compare, held_roles, plan"),
    Table("unsure_orgs", "sourcedId of orgs that are missing and may be there all the same", "held_roles", "held_roles"),
    Table("may_have_lost_{file}", "sourcedId of people who may have lost a role, or a profile, by a row with an error",
          "held_roles", "held_roles"),
    Table("held_people", "people with something that stays: sourcedId, roles, userProfiles, org (their primary one), lost "
          "(whether by a row that is left out, or only by a value)",
          "held_roles", "held_roles, plan, removals"),
    Table("kept_by_policy", "what the group's policy keeps: entity, sourcedId, reason", "removals", "plan, removals"),
    Table("role_ended", "people who are removed, or not created, since every role of theirs has ended: sourcedId", "removals",
          "plan, removals"),
    Table("newcomer", "people who are new: sourcedId, key (of the field that the group matches with); of doubles their names, "
          "keys, schools, grades", "matching, measures", "matching, measures"),
    Table("former", "people whom the source has given up: sourcedId, key", "matching", "matching"),
    Table("near_id", "records that come under an id that is near to their own: entity, sourcedId, formerId", "near_ids",
          "near_ids, plan"),
    Table("fresh_person", "people who are new: sourcedId and what they are known by", "near_ids", "near_ids"),
    Table("missing_person", "people of the platform of whom the source knows nothing: the same", "near_ids", "near_ids"),
    Table("same_people", "pairs with one key: sourcedId, formerId, key", "matching", "matching"),
    Table("matched", "those with one person on either side: sourcedId, formerId", "matching", "matching, compare"),
    Table("verdict_{entity}", "what may be written: sourcedId, selected, action, reason; of an undo also was, goes, before, "
          "schools, verdict", "compare, undo", "compare, undo"),
    Table("change", "the rows of changes.parquet", "changes, review, snapshot",
          "changes, measures, plan, review, snapshot, undo"),
    Table("held_{entity}", "the snapshot's rows that are not removed", "review", "drain, review, measures"),
    Table("held_groups_{entity}", "how many of those there are: schools, type, records", "measures", "review, measures"),
    Table("removed", "what a plan removes, of one entity: sourcedId, school, type; a row a school", "review", "review"),
    Table("stray", "of those what the snapshot has not: school, type", "review", "review"),
    Table("ended_session", "sourcedId of terms that have ended", "review", "review, measures"),
    Table("over_class", "sourcedId of classes all of whose terms have ended", "review", "drain, review, measures"),
    Table("pair", "records that may be one under two ids: entity, oldSourcedId, newSourcedId, name, schools, matchedBy", "review",
          "review"),
    Table("new", "of one entity, what is created: sourcedId, name, schools, fields", "review", "review"),
    Table("old", "and what the source no longer has: sourcedId, name, schools, fields", "review", "review"),
    Table("concern", "changes that do something to people: kind, entity, sourcedId, school, userType, field, example", "measures",
          "measures"),
    Table("closing", "schools that an admin has marked as closing: school", "measures", "drain, measures"),
    Table("counted_from", "schools whose removals count from later than those of all others: school, since", "drain", "drain"),
    Table("going", "what a plan removes, of one entity, and counts for a drain: sourcedId, school, type, class; a row a school",
          "drain", "drain"),
    Table("gone", "the same of what earlier syncs have removed, with removedAt", "drain", "drain"),
    Table("come", "who has come since, and who comes with this plan: sourcedId, school, type, class, how (came, coming)", "drain",
          "drain"),
    Table("running", "from when to when the classes of these three run: class, runs", "drain", "drain"),
    Table("already_there", "people who may be newcomers' doubles, with the columns of `newcomer`", "measures", "measures"),
    Table("breach", "what exceeds the guard: kind, school, entity", "measures", "measures"),
    Table("undone", "the changes of the sync that is undone", "undo", "undo"),
    Table("unchanged", "what an undo leaves as it is: entity, sourcedId, name, reason, schools", "undo", "undo"),
    Table("cut_off", "what syncs that were cut off have touched: entity, sourcedId", "undo", "undo"),
    Table("current_{entity}", "what the platform holds: a snapshot's columns", "undo", "undo"),
    Table("afterwards_{entity}", "the active records that it will hold: sourcedId, fields", "undo", "undo"),
    Table("planned", "the rows of changes.parquet with the columns that an older one lacks", "snapshot", "snapshot"),
    Table("changed", "what a plan changes: entity, sourcedId", "unchanged_rows", "unchanged_rows"),
)  # fmt: skip

INSPECTING = (
    Table("delta_{file}", "of two states of a roster: the rows that differ, as a delta has them", "export", "export"),
    Table("{entity}", "the stage's rows", "sanity, trace", "sanity, trace"),
    Table("change", "the rows of changes.parquet, or none", "sanity", "sanity"),
    Table("created", "people whom a plan creates: sourcedId, name", "sanity", "sanity"),
    Table("renumbered", "those with the name of one who goes: sourcedId, name, old (sourcedId), line", "sanity", "sanity"),
    Table("somebody_else", "people under whose id another seems to be: sourcedId, name, line, was, was_fields, is_fields",
          "sanity", "sanity"),
    Table("near_{entity}", "sourcedId of the rows that bear on whether one is selected", "trace", "trace"),
    Table("why_users", "sourcedId, line, selected, classes, chosen_classes, reason", "trace", "trace"),
)  # fmt: skip

WINGS = {"staging": STAGING, "selecting": SELECTING, "planning": PLANNING, "inspecting": INSPECTING}
