/** An activity as a package of SCORM 1.2: the page, and a manifest that says where it is. */
import { downloadZip } from "client-zip";

const PAGE = "index.html";
const MANIFEST = "imsmanifest.xml";
const CONTENT = "http://www.imsproject.org/xsd/imscp_rootv1p1p2";
const SCORM = "http://www.adlnet.org/xsd/adlcp_rootv1p2";
const SCHEMA = ["ADL", "SCORM"].join(" ");

/**
 * The package of a page.
 *
 * @param title - what a course shows of it
 */
export async function scormPackage(title: string, page: string): Promise<Blob> {
  const files = [
    { name: MANIFEST, input: manifest(title) },
    { name: PAGE, input: page },
  ];
  return downloadZip(files).blob();
}

/** What the package has: one thing to do, which is one page. */
export function manifest(title: string): string {
  const document_ = document.implementation.createDocument(CONTENT, "manifest");
  const root = document_.documentElement;

  function add(parent: Element, name: string, attributes: Record<string, string>, text = "") {
    const element = document_.createElementNS(CONTENT, name);
    for (const [attribute, value] of Object.entries(attributes)) {
      if (attribute === "scormtype") {
        element.setAttributeNS(SCORM, `adlcp:${attribute}`, value);
      } else {
        element.setAttribute(attribute, value);
      }
    }
    element.textContent = text;
    parent.append(element);
    return element;
  }

  root.setAttribute("identifier", "thermoscope");
  // Some courses look for it on the root alone.
  root.setAttributeNS("http://www.w3.org/2000/xmlns/", "xmlns:adlcp", SCORM);
  root.setAttribute("version", "1.2");
  const metadata = add(root, "metadata", {});
  add(metadata, "schema", {}, SCHEMA);
  add(metadata, "schemaversion", {}, "1.2");
  const organizations = add(root, "organizations", { default: "activity" });
  const organization = add(organizations, "organization", { identifier: "activity" });
  add(organization, "title", {}, title);
  const item = add(organization, "item", { identifier: "item", identifierref: "page" });
  add(item, "title", {}, title);
  const resources = add(root, "resources", {});
  const resource = add(resources, "resource", {
    identifier: "page",
    type: "webcontent",
    scormtype: "sco",
    href: PAGE,
  });
  add(resource, "file", { href: PAGE });
  return new XMLSerializer().serializeToString(document_);
}
