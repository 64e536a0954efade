"""Reads everything by strongmind-oneroster-client (OneRoster 1.1) and prints how many of each kind came, as JSON."""

import json
import sys

import oneroster_client as peer

base_url, token = sys.argv[1:]
settings = peer.Configuration()
settings.host, settings.access_token = base_url, token
client = peer.ApiClient(settings)
LISTS = {
    "users": (peer.UsersManagementApi(client).get_users, "users"),
    "students": (peer.StudentsManagementApi(client).get_students, "users"),
    "teachers": (peer.TeachersManagementApi(client).get_teachers, "users"),
    "orgs": (peer.OrgsManagementApi(client).get_orgs, "orgs"),
    "schools": (peer.SchoolsManagementApi(client).get_schools, "orgs"),
    "classes": (peer.ClassesManagementApi(client).get_classes, "classes"),
    "courses": (peer.CoursesManagementApi(client).get_courses, "courses"),
    "enrollments": (peer.EnrollmentsManagementApi(client).get_enrollments, "enrollments"),
    "academicSessions": (peer.AcademicSessionsManagementApi(client).get_academic_sessions, "academic_sessions"),
    "terms": (peer.TermsManagementApi(client).get_terms, "academic_sessions"),
    "gradingPeriods": (peer.GradingPeriodsManagementApi(client).get_grading_periods, "academic_sessions"),
}
counts = {}
for name, (read, key) in LISTS.items():
    found = 0
    while page := getattr(read(limit=500, offset=found), key) or []:
        found += len(page)
        if len(page) < 500:
            break
    counts[name] = found
print(json.dumps(counts))
